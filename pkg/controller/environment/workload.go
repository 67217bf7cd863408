// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/injection"
)

// WorkloadName names the Deployment and the Service of the copy of a workload.
func WorkloadName(environment, workload string) string {
	return environment + "-" + workload
}

// applyWorkload runs the copy of a workload exactly as compiled into the environment, and gives it
// a Service of its own. It returns where the copy takes requests.
//
// Whatever the kind of the live workload, what a replay needs of it is one pod. One that is restarted always serves, and is kept by a
// Deployment. One that is not, as those of Jobs and CronJobs, runs to its end, as a Job, which does not begin anew.
func (r *Reconciler) applyWorkload(ctx context.Context, m *making, workload *v1alpha1.EnvironmentWorkload) (v1alpha1.EnvironmentEndpoint, error) {
	name, namespace := WorkloadName(m.environment.Name, workload.Name), m.environment.Namespace
	labels := injection.WorkloadLabels(m.environment.Name, workload.Name)
	endpoint := v1alpha1.EnvironmentEndpoint{
		Workload: workload.Name,
		Host:     fmt.Sprintf("%s.%s.svc", name, namespace),
		Ports:    m.ports(workload),
	}
	if len(endpoint.Ports) > 0 { // a Service needs one
		if _, err := owned.Apply(ctx, r.Kube.CoreV1().Services(namespace), workloadService(name, namespace, labels, endpoint.Ports), m.owner); err != nil {
			return endpoint, err
		}
	}
	if workload.Strategy == v1alpha1.StrategyInPlace {
		return endpoint, r.putInPlace(ctx, m, workload)
	}
	metadata, template := metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels}, *workload.Template.DeepCopy()
	if runsToItsEnd(template.Spec) {
		_, err := owned.Create(ctx, r.Kube.BatchV1().Jobs(namespace), &batchv1.Job{ObjectMeta: metadata, Spec: batchv1.JobSpec{Template: template}}, m.owner)
		return endpoint, err
	}
	return endpoint, r.applyDeployment(ctx, m, &appsv1.Deployment{
		ObjectMeta: metadata,
		Spec: appsv1.DeploymentSpec{
			Replicas:             ptr.To[int32](1),
			RevisionHistoryLimit: ptr.To[int32](0),
			Strategy:             appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector:             &metav1.LabelSelector{MatchLabels: labels},
			Template:             template,
		},
	})
}

func runsToItsEnd(spec corev1.PodSpec) bool {
	return spec.RestartPolicy == corev1.RestartPolicyNever || spec.RestartPolicy == corev1.RestartPolicyOnFailure
}

// applyDeployment makes a Deployment as it should be or, where no Deployment may be changed, makes it once.
func (r *Reconciler) applyDeployment(ctx context.Context, m *making, deployment *appsv1.Deployment) (err error) {
	deployments := r.Kube.AppsV1().Deployments(m.environment.Namespace)
	if r.Options.CreateOnly {
		_, err = owned.Create(ctx, deployments, deployment, m.owner)
	} else {
		_, err = owned.Apply(ctx, deployments, deployment, m.owner)
	}
	return err
}

func workloadService(name, namespace string, labels map[string]string, ports []int32) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels},
		Spec:       corev1.ServiceSpec{Selector: labels},
	}
	for _, port := range ports {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{
			Name: fmt.Sprintf("port-%d", port), Protocol: corev1.ProtocolTCP, Port: port, TargetPort: intstr.FromInt32(port),
		})
	}
	return service
}

// ports are those that the copy declares, those on which the workload was recorded and those of its Services, which need not be declared.
func (m *making) ports(workload *v1alpha1.EnvironmentWorkload) []int32 {
	ports := injection.DeclaredPorts(workload.Template.Spec)
	for _, key := range InboundKeys(m.environment, workload, m.snapshot) {
		if port, err := KeyPort(key); err == nil {
			ports = append(ports, port)
		}
	}
	for _, route := range m.routes {
		if route.workload == workload.Name {
			ports = append(ports, route.target)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}
