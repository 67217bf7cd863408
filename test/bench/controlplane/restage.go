// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/certs"
)

// home is the namespace of the server, where it keeps which store is its own.
const home = "restage-system"

// User is the name of an ordinary user.
const User = "developer"

// empower lets the user do everything.
func (c *ControlPlane) empower(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	_, err = client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: User},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: User}},
	}, metav1.CreateOptions{})
	return err
}

// startRestage runs restage-apiserver with its embedded etcd. There is no forwarder: nothing here reads payloads.
func (c *ControlPlane) startRestage(ctx context.Context) error {
	process, config, err := c.serve(ctx, "restage-apiserver", home, c.ports.restage)
	if err != nil {
		return err
	}
	c.Restage, c.restageCA = process, config.CAData
	return nil
}

// ServeApart runs another restage-apiserver with data of its own, which kube-apiserver does not know, and returns how the administrator
// reaches it directly. It ends with the context.
func (c *ControlPlane) ServeApart(ctx context.Context, name string, args ...string) (*Process, *rest.Config, error) {
	port, err := FreePort()
	if err != nil {
		return nil, nil, err
	}
	process, config, err := c.serve(ctx, name, name, port, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("starting %s: %w; logs are in %s", name, err, c.path("log"))
	}
	return process, config, nil
}

// serve runs one restage-apiserver with data of its own and returns how the administrator reaches it directly.
func (c *ControlPlane) serve(ctx context.Context, name, namespace string, port int, args ...string) (*Process, *rest.Config, error) {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return nil, nil, err
	}
	place := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if _, err := client.CoreV1().Namespaces().Create(ctx, place, metav1.CreateOptions{}); err != nil {
		return nil, nil, fmt.Errorf("making the namespace: %w", err)
	}
	process, err := Run(ctx, c.path("log", name+".log"), name, c.opts.Restage, append(args,
		"--kubeconfig="+c.Kubeconfig, "--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(port),
		"--data-dir="+c.path(name), "--namespace="+namespace, "--forwarder-address=127.0.0.1:1", "--shutdown-delay-duration=0s")...)
	if err != nil {
		return nil, nil, err
	}
	config := rest.CopyConfig(c.Config)
	config.Host, config.CAFile = loopback("https", port), ""
	probe := rest.CopyConfig(config)
	probe.Insecure = true // its CA is known only when it has started
	if err := c.ready(ctx, probe, process); err != nil {
		return nil, nil, err
	}
	ca, err := client.CoreV1().ConfigMaps(namespace).Get(ctx, apiserver.CAName, metav1.GetOptions{})
	if err != nil {
		return nil, nil, fmt.Errorf("reading the CA of %s: %w", name, err)
	}
	config.CAData, config.ServerName = []byte(ca.Data[certs.CAKey]), apiserver.ServiceName+"."+namespace+".svc"
	return process, config, nil
}

// ServerName is what kube-apiserver expects of the certificates of aggregated servers.
const ServerName = apiserver.ServiceName + "." + home + ".svc"

// register has kube-apiserver hand our group on. No EndpointSlice may hold a loopback address, so the Service is a name, which
// kube-apiserver resolves itself as long as --enable-aggregator-routing is not set.
func (c *ControlPlane) register(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: apiserver.ServiceName},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
	if _, err := client.CoreV1().Services(home).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("making the Service: %w", err)
	}
	return c.Register(ctx, v1alpha1.SchemeGroupVersion, c.ports.restage, c.restageCA)
}

// Register has kube-apiserver hand a group on to a server on a port of loopback whose certificate is for ServerName.
func (c *ControlPlane) Register(ctx context.Context, version schema.GroupVersion, onPort int, ca []byte) error {
	registrations, err := aggregator.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	port := int32(onPort)
	name := version.Version + "." + version.Group
	services := registrations.ApiregistrationV1().APIServices()
	if _, err := services.Create(ctx, &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: version.Group, Version: version.Version, GroupPriorityMinimum: 1000, VersionPriority: 15, CABundle: ca,
			Service: &apiregistrationv1.ServiceReference{Namespace: home, Name: apiserver.ServiceName, Port: &port},
		},
	}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("making the APIService: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, startTimeout, true, func(ctx context.Context) (bool, error) {
		service, err := services.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		for _, condition := range service.Status.Conditions {
			if condition.Type == apiregistrationv1.Available && condition.Status == apiregistrationv1.ConditionTrue {
				return true, nil
			}
		}
		return false, nil
	})
}
