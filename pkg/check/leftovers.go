// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// rescue removes what blocks others and needs no running part of ours.
const rescue = "kubectl restage uninstall --rescue"

// leftovers looks for what an older installation left behind.
func leftovers(ctx context.Context, c *Cluster) ([]Finding, error) {
	var findings []Finding
	for _, look := range []func(context.Context, *Cluster) ([]Finding, error){
		orphanedRegistrations, otherInstallations, orphanedBindings, orphanedObjects, orphanedSidecars,
	} {
		found, err := look(ctx, c)
		findings = append(findings, found...)
		if err != nil {
			return findings, err
		}
	}
	return orOK(findings, "nothing of an older installation is left"), nil
}

// orphanedRegistrations are APIServices of our group whose server is not there. Each blocks the deletion of every namespace.
func orphanedRegistrations(ctx context.Context, c *Cluster) ([]Finding, error) {
	list, err := c.Aggregator.ApiregistrationV1().APIServices().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the APIServices: %w", err)
	}
	var findings []Finding
	for _, service := range list.Items {
		if service.Spec.Group != v1alpha1.SchemeGroupVersion.Group || service.Spec.Service == nil {
			continue
		}
		ours := c.Found.Deployments[installation.Server] != nil && service.Spec.Service.Namespace == c.home()
		if why := whyOrphaned(&service, ours); why != "" {
			findings = append(findings, failure("kubectl delete apiservice "+service.Name,
				"APIService %s %s: while it is there no namespace can be deleted and garbage collection stands still", service.Name, why))
		}
	}
	return findings, nil
}

func whyOrphaned(service *apiregistrationv1.APIService, serverThere bool) string {
	switch {
	case !serverThere:
		return fmt.Sprintf("has no server: Deployment %s/%s is not there", service.Spec.Service.Namespace, installation.Server)
	case service.Name != installation.APIService:
		return "is of an older release"
	}
	return ""
}

// otherInstallations are components in more than one namespace: they would fight for the one registration.
func otherInstallations(_ context.Context, c *Cluster) ([]Finding, error) {
	var findings []Finding
	for _, namespace := range c.Found.Others {
		findings = append(findings, failure("kubectl restage uninstall --system-namespace "+namespace,
			"another installation is in namespace %s, beside that in %s: there can be one in a cluster", namespace, c.home()))
	}
	return findings, nil
}

// orphanedBindings give rights to service accounts of an installation that has gone.
func orphanedBindings(ctx context.Context, c *Cluster) ([]Finding, error) {
	if !c.Found.Installed() {
		return nil, nil // then orphanedObjects has them
	}
	list, err := c.Kube.RbacV1().ClusterRoleBindings().List(ctx, metav1.ListOptions{LabelSelector: installation.PartOf})
	if err != nil {
		return nil, fmt.Errorf("listing the ClusterRoleBindings of Restage: %w", err)
	}
	var findings []Finding
	for _, binding := range list.Items {
		for _, subject := range binding.Subjects {
			if subject.Kind == "ServiceAccount" && subject.Namespace != c.home() && !slices.Contains(c.Found.Others, subject.Namespace) {
				findings = append(findings, warning("kubectl delete clusterrolebinding "+binding.Name,
					"ClusterRoleBinding %s is for a service account in namespace %s, where Restage is not", binding.Name, subject.Namespace))
			}
		}
	}
	return findings, nil
}

// ownKinds are those of which installations, and what they made, have objects.
var ownKinds = []schema.GroupVersionResource{
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterrolebindings"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
	{Group: admissionv1.GroupName, Version: "v1", Resource: "mutatingwebhookconfigurations"},
	{Group: admissionv1.GroupName, Version: "v1", Resource: "validatingwebhookconfigurations"},
	{Group: admissionv1.GroupName, Version: "v1", Resource: "mutatingadmissionpolicies"},
	{Group: admissionv1.GroupName, Version: "v1", Resource: "mutatingadmissionpolicybindings"},
	{Version: "v1", Resource: "podtemplates"},
	{Group: admissionv1.GroupName, Version: "v1", Resource: "validatingadmissionpolicies"},
	{Group: admissionv1.GroupName, Version: "v1", Resource: "validatingadmissionpolicybindings"},
	{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "secrets"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "persistentvolumeclaims"},
}

// orphanedObjects carry our label in a cluster without Restage. Only their metadata is read.
func orphanedObjects(ctx context.Context, c *Cluster) ([]Finding, error) {
	if c.Found.Installed() {
		return nil, nil
	}
	var findings []Finding
	var safeguards []string
	for _, kind := range ownKinds {
		list, err := c.Metadata.Resource(kind).List(ctx, metav1.ListOptions{LabelSelector: installation.PartOf})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return findings, fmt.Errorf("looking for %s of an older installation: %w", kind.Resource, err)
		}
		byNamespace := map[string][]string{}
		for _, item := range list.Items {
			if kind.Group == admissionv1.GroupName && slices.Contains(wiring.Safeguards(), item.Name) {
				safeguards = append(safeguards, item.Name)
				continue
			}
			byNamespace[item.Namespace] = append(byNamespace[item.Namespace], item.Name)
		}
		for namespace, names := range byNamespace {
			where, flag := "", ""
			if namespace != "" {
				where, flag = " in namespace "+namespace, " -n "+namespace
			}
			findings = append(findings, warning(fmt.Sprintf("kubectl delete %s%s -l %s", kind.GroupResource(), flag, installation.PartOf),
				"%d %s of an older installation are left%s: %s", len(names), kind.GroupResource(), where, clip(strings.Join(names, ", "))))
		}
	}
	if len(safeguards) > 0 { // which are not to be deleted before the last proxy
		slices.Sort(safeguards)
		findings = append(findings, warning("kubectl restage uninstall", "policies of an older installation are left, which pods need that are made with a recording proxy: %s", strings.Join(slices.Compact(safeguards), ", ")))
	}
	return findings, nil
}

// orphanedSidecars are recording proxies in templates that no controller looks after.
func orphanedSidecars(ctx context.Context, c *Cluster) ([]Finding, error) {
	workloads, err := Recorded(ctx, c)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, w := range workloads {
		if w.GetLabels()[v1alpha1.LabelEnvironment] != "" || w.Controlled() != nil || !injection.HasProxy(w.Template.Spec) {
			continue
		}
		where := fmt.Sprintf("%s %s/%s", w.Kind.Kind, w.GetNamespace(), w.GetName())
		if !c.Found.Installed() {
			findings = append(findings, failure(rescue, "%s has a recording proxy in its template, and Restage is not installed", where))
			continue
		}
		captured, err := c.isCaptured(ctx, w)
		if err != nil {
			return append(findings, skipped("whether the recording proxies in workloads belong to captures cannot be asked: %s", clip(err.Error()))...), nil
		}
		fix := fmt.Sprintf("kubectl restage uninject -n %s %s/%s", w.GetNamespace(), strings.ToLower(w.Kind.Kind), w.GetName())
		switch {
		case !capture.IsOurs(w):
		case !captured:
			findings = append(findings, failure(fix, "%s has a recording proxy in its template and no TrafficCapture", where))
		case c.Injection != wiring.InjectionWorkload:
			findings = append(findings, warning(fix, "%s has a recording proxy in its template from before injection %s was chosen, and nobody looks after it", where, c.Injection))
		}
	}
	return findings, nil
}

// Recorded returns the workloads of all namespaces that ask for recording, or have the recording proxy in their templates. Our own API is
// not asked: it may be what is not well.
func Recorded(ctx context.Context, c *Cluster) ([]*workload.Workload, error) {
	client := workload.Client{Kube: c.Kube, Dynamic: c.Dynamic}
	resources, err := client.Recordable(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for workloads with recording proxies: %w", err)
	}
	var recorded []*workload.Workload
	for _, resource := range resources {
		workloads, err := client.List(ctx, metav1.NamespaceAll, resource)
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("looking for %s with recording proxies: %w", resource.Resource, err)
		}
		for _, w := range workloads {
			if w.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled] == "true" || injection.HasProxy(w.Template.Spec) {
				recorded = append(recorded, w)
			}
		}
	}
	return recorded, nil
}

func (c *Cluster) isCaptured(ctx context.Context, w *workload.Workload) (bool, error) {
	list, err := c.Restage.ReplayV1alpha1().TrafficCaptures(w.GetNamespace()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(list.Items, func(t v1alpha1.TrafficCapture) bool { return workload.Same(t.Spec.WorkloadRef, w.Reference()) }), nil
}
