// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package complete tells a shell what may stand at the cursor: names and keys that are in the cluster. What cannot be read
// within a moment is not offered.
package complete

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/workload"
)

const (
	// patience is how long a shell waits for the cluster.
	patience = 3 * time.Second
	// most is how many names are offered.
	most = 500
)

// Names offers the names of objects of ours, such as trafficreplays, as the first argument.
func Names(c *cluster.Cluster, resource string) cobra.CompletionFunc {
	return first(named(c, v1alpha1.SchemeGroupVersion.WithResource(resource), ""))
}

// MoreNames is Names for each argument, without those that are there already.
func MoreNames(c *cluster.Cluster, resource string) cobra.CompletionFunc {
	names := named(c, v1alpha1.SchemeGroupVersion.WithResource(resource), "")
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		found, directive := names(cmd, args, toComplete)
		return slices.DeleteFunc(found, func(name cobra.Completion) bool { return slices.Contains(args, name) }), directive
	}
}

// NamesOf offers the names of objects of ours as the value of a flag.
func NamesOf(c *cluster.Cluster, resource string) cobra.CompletionFunc {
	return named(c, v1alpha1.SchemeGroupVersion.WithResource(resource), "")
}

// Classes offers EnvironmentClasses as the value of a flag.
func Classes(c *cluster.Cluster) cobra.CompletionFunc { return NamesOf(c, "environmentclasses") }

// Workload offers workloads as deploy/NAME, as the first argument.
func Workload(c *cluster.Cluster) cobra.CompletionFunc { return first(WorkloadOf(c)) }

// MoreWorkloads offers workloads as deploy/NAME for each argument.
func MoreWorkloads(c *cluster.Cluster) cobra.CompletionFunc { return WorkloadOf(c) }

// WorkloadOf offers workloads as deploy/NAME, as the value of a flag: first the kinds and the names of Deployments, and after the slash
// the names of the kind.
func WorkloadOf(c *cluster.Cluster) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		typed, _, named := strings.Cut(toComplete, "/")
		var offers []cobra.Completion
		for _, kind := range workload.Kinds {
			switch {
			case named && kind.Is(strings.ToLower(typed)):
				for _, name := range List(cmd.Context(), c, resourceOf(kind)) {
					offers = append(offers, typed+"/"+name)
				}
			case !named && kind.Name == v1alpha1.DefaultWorkloadKind:
				for _, name := range List(cmd.Context(), c, resourceOf(kind)) {
					offers = append(offers, kind.Short+"/"+name)
				}
			case !named:
				offers = append(offers, kind.Short+"/")
			}
		}
		directive := cobra.ShellCompDirectiveNoFileComp
		if !named {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		return offers, directive
	}
}

// resourceOf is the resource of a kind in the API.
func resourceOf(kind workload.Kind) schema.GroupVersionResource {
	version, _ := schema.ParseGroupVersion(v1alpha1.WorkloadAPIVersion(kind.Name)) // it is one of our own
	return version.WithResource(kind.Plural())
}

// Containers offers the containers of the workload that the flag --workload names, each with a suffix such as "=".
func Containers(c *cluster.Cluster, suffix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		texts, err := cmd.Flags().GetStringSlice("workload")
		if err != nil || len(texts) != 1 {
			return nil, directive
		}
		ref, err := workload.Parse(texts[0], c.Mapper)
		if err != nil {
			return nil, directive
		}
		var names []cobra.Completion
		for _, container := range containersOf(cmd.Context(), c, ref) {
			names = append(names, container.Name+suffix)
		}
		return names, directive
	}
}

func containersOf(ctx context.Context, c *cluster.Cluster, ref v1alpha1.WorkloadReference) []corev1.Container {
	client, err := c.Workloads()
	if err != nil {
		return nil
	}
	namespace, err := c.Namespace()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	found, err := client.Find(ctx, namespace, ref)
	if err != nil {
		return nil
	}
	return found.Template.Spec.Containers
}

// Slices offers the keys of the slices of a snapshot in one direction, both when it is empty. Which snapshot it is, is told by
// the function from the command line; it returns "" when that is not known yet.
func Slices(c *cluster.Cluster, snapshot func(cmd *cobra.Command, args []string) string, direction v1alpha1.Direction) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		name := snapshot(cmd, args)
		if name == "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		object := get(cmd.Context(), c, v1alpha1.SchemeGroupVersion.WithResource("trafficsnapshots"), name)
		if object == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, _, _ := unstructured.NestedSlice(object.Object, "status", "slices")
		var keys []cobra.Completion
		for _, slice := range found {
			fields, ok := slice.(map[string]any)
			if !ok || direction != "" && fields["direction"] != string(direction) {
				continue
			}
			key, _ := fields["key"].(string)
			keys = append(keys, key)
		}
		return keys, cobra.ShellCompDirectiveNoFileComp
	}
}

// SnapshotFlag is the snapshot that the flag --snapshot names.
func SnapshotFlag(cmd *cobra.Command, _ []string) string {
	name, err := cmd.Flags().GetString("snapshot")
	if err != nil {
		return ""
	}
	return name
}

// FirstArgument is the snapshot that the first argument names.
func FirstArgument(_ *cobra.Command, args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// Flag registers the completion of a flag that the command has.
func Flag(cmd *cobra.Command, flag string, function cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, function); err != nil {
		panic(err) // a mistake in the program: there is no such flag
	}
}

func first(function cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return function(cmd, args, toComplete)
	}
}

func named(c *cluster.Cluster, resource schema.GroupVersionResource, prefix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var names []cobra.Completion
		for _, name := range List(cmd.Context(), c, resource) {
			names = append(names, prefix+name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// Workloads returns the names of the workloads of a kind in the namespace; none when they cannot be read in a moment, or the kind is not
// Kubernetes' own.
func Workloads(ctx context.Context, c *cluster.Cluster, kind string) []string {
	for _, known := range workload.Kinds {
		if known.Name == kind {
			return List(ctx, c, resourceOf(known))
		}
	}
	return nil
}

// List returns the names of the objects of a resource in the namespace; none when they cannot be read in a moment.
func List(ctx context.Context, c *cluster.Cluster, resource schema.GroupVersionResource) []string {
	client, err := c.Dynamic()
	if err != nil {
		return nil
	}
	namespace, err := c.Namespace()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if resource.Resource == "environmentclasses" || resource.Resource == "namespaces" {
		namespace = metav1.NamespaceAll // they are of the cluster
	}
	list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{Limit: most})
	if err != nil {
		return nil
	}
	names := make([]string, len(list.Items))
	for i := range list.Items {
		names[i] = list.Items[i].GetName()
	}
	return names
}

func get(ctx context.Context, c *cluster.Cluster, resource schema.GroupVersionResource, name string) *unstructured.Unstructured {
	client, err := c.Dynamic()
	if err != nil {
		return nil
	}
	namespace, err := c.Namespace()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	object, err := client.Resource(resource).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil
	}
	return object
}
