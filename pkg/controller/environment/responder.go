// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/dataplane"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// componentResponder is the value of the component label on the responder.
const componentResponder = "responder"

// ResponderName names everything of the responder of an environment.
func ResponderName(environment string) string {
	return environment + "-responder"
}

func responderLabels(environment string) map[string]string {
	return map[string]string{v1alpha1.LabelEnvironment: environment, v1alpha1.LabelComponent: componentResponder}
}

// applyResponder makes the responder and what joins it to the copies. It returns the address of its Service.
func (r *Reconciler) applyResponder(ctx context.Context, m *making) (string, error) {
	name := ResponderName(m.environment.Name)
	access := dataplane.Access{
		Namespace: m.environment.Namespace, Name: name, ImagePullSecrets: r.Options.ImagePullSecrets,
		Rules: []rbacv1.PolicyRule{dataplane.ReadRecords(m.snapshot.Name)},
	}
	if err := access.Apply(ctx, r.Kube, m.owner); err != nil {
		return "", err
	}
	service, err := owned.Apply(ctx, r.Kube.CoreV1().Services(m.environment.Namespace), responderService(m.environment), m.owner)
	if err != nil {
		return "", err
	}
	if err := r.applyLink(ctx, m, service.Spec.ClusterIP); err != nil {
		return "", err
	}
	if err := r.applyCA(ctx, m); err != nil {
		return "", err
	}
	pod := r.responderPod(m)
	settings, err := json.Marshal(wiring.PlaySettings{
		Snapshot:   wiring.Object{Namespace: m.snapshot.Namespace, Name: m.snapshot.Name, UID: string(m.snapshot.UID)},
		Mocks:      m.mocks,
		OnMiss:     string(m.environment.Spec.Responder.OnMiss),
		MissStatus: int(ptr.Deref(m.environment.Spec.Responder.MissStatus, 0)),
		Latency:    string(m.environment.Spec.Responder.Latency),
		Routes:     m.playRoutes(),
	})
	if err != nil {
		return "", err
	}
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: m.environment.Namespace},
		Data:       map[string]string{pod.SettingsKey(): string(settings)},
	}
	if _, err := owned.Apply(ctx, r.Kube.CoreV1().ConfigMaps(m.environment.Namespace), configMap, m.owner); err != nil {
		return "", err
	}
	return service.Spec.ClusterIP, r.applyDeployment(ctx, m, responderDeployment(m.environment, pod))
}

func responderService(environment *v1alpha1.Environment) *corev1.Service {
	port := func(name string, number int32) corev1.ServicePort {
		return corev1.ServicePort{Name: name, Protocol: corev1.ProtocolTCP, Port: number, TargetPort: intstr.FromInt32(number)}
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Name: ResponderName(environment.Name), Namespace: environment.Namespace, Labels: responderLabels(environment.Name),
		},
		Spec: corev1.ServiceSpec{
			Selector: responderLabels(environment.Name),
			Ports:    []corev1.ServicePort{port("tunnel", wiring.ResponderTunnelPort), port("control", wiring.ResponderControlPort)},
		},
	}
}

// applyLink makes what tells the copies' proxies where the responder is, and the secret that they share with it.
func (r *Reconciler) applyLink(ctx context.Context, m *making, clusterIP string) error {
	if net.ParseIP(clusterIP) == nil {
		return fmt.Errorf("the Service %q has no address yet", ResponderName(m.environment.Name))
	}
	name, namespace := injection.LinkName(m.environment.Name), m.environment.Namespace
	configMap := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Data: map[string]string{
			"responder": net.JoinHostPort(clusterIP, strconv.Itoa(wiring.ResponderTunnelPort)),
			"control":   net.JoinHostPort(clusterIP, strconv.Itoa(wiring.ResponderControlPort)),
		},
	}
	if _, err := owned.Apply(ctx, r.Kube.CoreV1().ConfigMaps(namespace), configMap, m.owner); err != nil {
		return err
	}
	secrets := r.Kube.CoreV1().Secrets(namespace)
	existing, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if err == nil && !metav1.IsControlledBy(existing, m.environment) {
		return owned.Contest(ctx, secrets, "Secret", existing, m.owner.Controller)
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		StringData: map[string]string{"token": rand.Text()},
	}
	owned.Adopt(secret, m.owner)
	_, err = secrets.Create(ctx, secret, metav1.CreateOptions{FieldManager: m.owner.FieldManager})
	return err
}

func (r *Reconciler) responderPod(m *making) dataplane.Pod {
	name := ResponderName(m.environment.Name)
	return dataplane.Pod{
		Container:        "responder",
		Image:            r.Options.ResponderImage,
		ImagePullPolicy:  m.pullPolicy(r.Options.ImagePullPolicy),
		ImagePullSecrets: r.Options.ImagePullSecrets,
		Args:             []string{"--forwarder=" + r.Options.Forwarder},
		Resources:        m.class.ResponderResources,
		NodeSelector:     m.class.NodeSelector,
		ServiceAccount:   name,
		ConfigMap:        name,
		SettingsPath:     wiring.ResponderSettings,
		LinkSecret:       injection.LinkName(m.environment.Name),
		TLSSecret:        name,
	}
}

// responderDeployment runs one responder: what it played is in its memory.
func responderDeployment(environment *v1alpha1.Environment, pod dataplane.Pod) *appsv1.Deployment {
	labels := responderLabels(environment.Name)
	spec := pod.Spec()
	c := &spec.Containers[0]
	c.Ports = []corev1.ContainerPort{
		{Name: "tunnel", ContainerPort: wiring.ResponderTunnelPort, Protocol: corev1.ProtocolTCP},
		{Name: "control", ContainerPort: wiring.ResponderControlPort, Protocol: corev1.ProtocolTCP},
	}
	c.ReadinessProbe = responderProbe("/readyz", 1)
	c.LivenessProbe = responderProbe("/livez", 10)
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}
	injection.NoMesh(&template)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: ResponderName(environment.Name), Namespace: environment.Namespace, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas:             ptr.To[int32](1),
			RevisionHistoryLimit: ptr.To[int32](0),
			Strategy:             appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector:             &metav1.LabelSelector{MatchLabels: labels},
			Template:             template,
		},
	}
}

func responderProbe(path string, period int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
			Path: path, Port: intstr.FromInt32(wiring.ResponderControlPort), Scheme: corev1.URISchemeHTTP,
		}},
		PeriodSeconds:    period,
		FailureThreshold: 6,
	}
}
