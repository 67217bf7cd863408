// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/teardown"
)

// kind is one of those that an installation consists of.
type kind struct {
	name     string
	resource schema.GroupVersionResource
}

func of(name, group, version, resource string) kind {
	return kind{name, schema.GroupVersionResource{Group: group, Version: version, Resource: resource}}
}

const rbac, apps, admission = "rbac.authorization.k8s.io", "apps", "admissionregistration.k8s.io"

var (
	claims     = of("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims")
	namespaces = of("Namespace", "", "v1", "namespaces")
)

// installed are the kinds, in the order in which their objects are deleted. What leads to what runs goes first, then that, and the namespace last.
var installed = []kind{
	of("MutatingWebhookConfiguration", admission, "v1", "mutatingwebhookconfigurations"),
	of("MutatingAdmissionPolicyBinding", admission, "v1", "mutatingadmissionpolicybindings"),
	of("MutatingAdmissionPolicy", admission, "v1", "mutatingadmissionpolicies"),
	of("PodTemplate", "", "v1", "podtemplates"),
	of("APIService", "apiregistration.k8s.io", "v1", "apiservices"),
	of("Deployment", apps, "v1", "deployments"),
	of("Job", "batch", "v1", "jobs"),
	of("ServiceMonitor", "monitoring.coreos.com", "v1", "servicemonitors"),
	of("PodMonitor", "monitoring.coreos.com", "v1", "podmonitors"),
	of("PrometheusRule", "monitoring.coreos.com", "v1", "prometheusrules"),
	of("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
	of("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies"),
	of("Service", "", "v1", "services"),
	of("ConfigMap", "", "v1", "configmaps"),
	of("Secret", "", "v1", "secrets"),
	claims,
	of("RoleBinding", rbac, "v1", "rolebindings"),
	of("Role", rbac, "v1", "roles"),
	of("ServiceAccount", "", "v1", "serviceaccounts"),
	of("ClusterRoleBinding", rbac, "v1", "clusterrolebindings"),
	of("ClusterRole", rbac, "v1", "clusterroles"),
	of("PriorityClass", "scheduling.k8s.io", "v1", "priorityclasses"),
	namespaces,
}

// Object is something on the cluster, and why it is mentioned.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	Reason    string `json:"reason,omitempty"`
}

// is tells whether another is the same object, whatever is said of it.
func (o Object) is(other Object) bool {
	return o.Kind == other.Kind && o.Namespace == other.Namespace && o.Name == other.Name
}

func (o Object) String() string {
	name := o.Name
	if o.Namespace != "" {
		name = o.Namespace + "/" + name
	}
	if o.Reason == "" {
		return o.Kind + " " + name
	}
	return o.Kind + " " + name + ": " + o.Reason
}

// found is an object to delete.
type found struct {
	kind
	meta metav1.PartialObjectMetadata
}

func (f found) object(reason string) Object {
	return Object{Kind: f.name, Namespace: f.meta.Namespace, Name: f.meta.Name, Reason: reason}
}

// list finds all objects of the installation in home, and all that its controller made elsewhere, in the order of deletion.
func list(ctx context.Context, client metadata.Interface, home string) ([]found, error) {
	var all []found
	for _, k := range installed {
		objects, err := client.Resource(k.resource).List(ctx, metav1.ListOptions{LabelSelector: installation.PartOf})
		if apierrors.IsNotFound(err) {
			continue // the cluster does not have this kind
		}
		if err != nil {
			return nil, fmt.Errorf("looking for %s: %w", k.resource.Resource, err)
		}
		for _, object := range objects.Items {
			if isOurs(k, &object, home) {
				all = append(all, found{k, object})
			}
		}
	}
	return all, nil
}

// isOurs tells objects of the installation from those of users who have set the same label.
func isOurs(k kind, object metav1.Object, home string) bool {
	switch {
	case k == namespaces:
		return object.GetName() == home
	case k.name == "APIService":
		return object.GetName() == installation.APIService
	case object.GetNamespace() == home && home != "":
		return true
	default:
		return object.GetName() == v1alpha1.PartOf || strings.HasPrefix(object.GetName(), v1alpha1.PartOf+"-") || teardown.IsMade(object)
	}
}

// remove takes our finalizers off an object and deletes it. What is gone already is fine.
func remove(ctx context.Context, client metadata.Interface, f found) error {
	resource := client.Resource(f.resource).Namespace(f.meta.Namespace)
	if patch := withoutOurFinalizers(&f.meta); patch != nil {
		if _, err := resource.Patch(ctx, f.meta.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("taking the finalizer off: %w", err)
		}
	}
	if f.meta.DeletionTimestamp != nil {
		return nil
	}
	background := metav1.DeletePropagationBackground
	err := resource.Delete(ctx, f.meta.Name, metav1.DeleteOptions{
		PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &f.meta.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("deleting it: %w", err)
	}
	return nil
}

// withoutOurFinalizers is a patch that leaves the finalizers of others; nil when there are none of ours.
func withoutOurFinalizers(object metav1.Object) []byte {
	others := slices.DeleteFunc(slices.Clone(object.GetFinalizers()), func(finalizer string) bool {
		return strings.HasPrefix(finalizer, v1alpha1.GroupName+"/")
	})
	if len(others) == len(object.GetFinalizers()) {
		return nil
	}
	if others == nil {
		others = []string{}
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.GetUID(), "finalizers": others}})
	if err != nil {
		panic(err) // strings can be encoded
	}
	return patch
}
