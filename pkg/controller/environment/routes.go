// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// clusterDomain is that of nearly all clusters. Where it is another, names in it are known by the search domains of the pod.
const clusterDomain = "cluster.local"

// route is a port of a Service of a live workload, which in the environment leads to the copy of it.
type route struct {
	workload string   // within the environment
	names    []string // and addresses of the Service
	port     int32    // of the Service
	target   int32    // of the pod
}

// findRoutes finds the Services that select the pods of the live workloads. There are none with a single workload, which nobody calls.
func (r *Reconciler) findRoutes(ctx context.Context, environment *v1alpha1.Environment) ([]route, error) {
	if len(environment.Spec.Workloads) < 2 {
		return nil, nil
	}
	services, err := r.Kube.CoreV1().Services(environment.Namespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, fmt.Errorf("looking for the Services of the workloads: %w", err)
	}
	var routes []route
	for i := range environment.Spec.Workloads {
		copied := &environment.Spec.Workloads[i]
		live, err := r.Workloads.Get(ctx, environment.Namespace, copied.Ref)
		if isGone(err) {
			continue // it has gone since; the responder keeps the routes that it began with
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s %q: %w", copied.Ref.Kind, copied.Ref.Name, err)
		}
		for j := range services.Items {
			routes = append(routes, routesOf(&services.Items[j], copied, live)...)
		}
	}
	return routes, nil
}

func isGone(err error) bool {
	var unknown *workload.UnknownKindError
	var bare *workload.NoTemplateError
	var right *workload.RightError
	return apierrors.IsNotFound(err) || errors.As(err, &unknown) || errors.As(err, &bare) || errors.As(err, &right)
}

// routesOf are those of one Service, if it selects the pods of the workload.
func routesOf(service *corev1.Service, copied *v1alpha1.EnvironmentWorkload, live *workload.Workload) []route {
	if len(service.Spec.Selector) == 0 || !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(live.Template.Labels)) {
		return nil
	}
	names := namesOf(service)
	var routes []route
	for _, port := range service.Spec.Ports {
		if port.Protocol != corev1.ProtocolTCP && port.Protocol != "" {
			continue
		}
		target, ok := targetOf(port, live.Template.Spec)
		if !ok {
			continue
		}
		routes = append(routes, route{workload: copied.Name, names: names, port: port.Port, target: target})
	}
	return routes
}

// namesOf are what a Service is called by, in full and in part, and its addresses.
func namesOf(service *corev1.Service) []string {
	full := service.Name + "." + service.Namespace + ".svc"
	names := []string{service.Name, service.Name + "." + service.Namespace, full, full + "." + clusterDomain}
	for _, address := range service.Spec.ClusterIPs {
		if address != corev1.ClusterIPNone {
			names = append(names, address)
		}
	}
	return names
}

// targetOf is the port of the pods to which a port of a Service leads.
func targetOf(port corev1.ServicePort, spec corev1.PodSpec) (int32, bool) {
	switch {
	case port.TargetPort.StrVal != "":
		for _, container := range spec.Containers {
			for _, declared := range container.Ports {
				if declared.Name == port.TargetPort.StrVal {
					return declared.ContainerPort, true
				}
			}
		}
		return 0, false
	case port.TargetPort.IntVal != 0:
		return port.TargetPort.IntVal, true
	}
	return port.Port, true
}

// playRoutes are the routes as the responder is told of them.
func (m *making) playRoutes() []wiring.Route {
	var routes []wiring.Route
	for _, r := range m.routes {
		host := fmt.Sprintf("%s.%s.svc", WorkloadName(m.environment.Name, r.workload), m.environment.Namespace)
		routes = append(routes, wiring.Route{
			Workload: r.workload, Names: r.names, Port: r.port, Address: net.JoinHostPort(host, strconv.Itoa(int(r.target))),
		})
	}
	return routes
}
