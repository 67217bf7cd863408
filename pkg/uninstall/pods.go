// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/kept"
	"github.com/restage-dev/restage/pkg/workload"
)

// addPods adds the workloads whose pods keep the proxy whatever is removed. A rescue is made when nothing else works, and they do no harm: it goes on.
func (p *Plan) addPods(ctx context.Context, c *Clients, o Options) error {
	keeping, err := c.keeping(ctx, o, p.workloads)
	if err != nil {
		return err
	}
	if o.Rescue {
		p.Leave = keeping
		return nil
	}
	for _, object := range keeping {
		object.Reason += " (while a capture records them new pods get it as well, so end that before)"
		p.Blockers = append(p.Blockers, object)
	}
	return nil
}

// keeping are the workloads whose pods keep the proxy until somebody replaces them, and how, and those that still make pods with it. Not looked at are those that are
// recorded and replace their pods once the proxy is out of their templates. A rescue goes on without knowing them, and says so.
func (c *Clients) keeping(ctx context.Context, o Options, recorded []recordedWorkload) ([]Object, error) {
	all, err := c.keepers(ctx, recorded)
	if err == nil {
		var makers []Object
		makers, err = c.makers(ctx)
		known := slices.Clone(all)
		for _, w := range recorded {
			known = append(known, w.Object)
		}
		all = append(all, slices.DeleteFunc(makers, func(o Object) bool { return slices.ContainsFunc(known, o.is) })...)
	}
	if err != nil && o.Rescue && ctx.Err() == nil {
		return append(all, Object{Kind: "Pod", Name: "*", Reason: fmt.Sprintf("whether any keeps the recording proxy is not known: %v", err)}), nil
	}
	return all, err
}

// keepers are those whose pods keep it.
func (c *Clients) keepers(ctx context.Context, recorded []recordedWorkload) (all []Object, err error) {
	found, err := kept.Find(ctx, c.recordable(), metav1.NamespaceAll, func(namespace string, ref v1alpha1.WorkloadReference) bool {
		return slices.ContainsFunc(recorded, func(w recordedWorkload) bool {
			return w.Change == workload.ChangeReplaces && !w.Holds() && w.GetNamespace() == namespace && workload.Same(w.Reference(), ref)
		})
	})
	for _, pods := range found {
		all = append(all, Object{
			Kind: pods.Workload.Kind, Namespace: pods.Namespace, Name: pods.Workload.Name,
			Reason: fmt.Sprintf("%d of its pods keep the recording proxy, which relays, until they are replaced: %s", len(pods.Names), pods.Command),
		})
	}
	return all, err
}

// makers are those that make pods with it.
func (c *Clients) makers(ctx context.Context) (all []Object, err error) {
	found, err := kept.Makers(ctx, c.recordable(), metav1.NamespaceAll)
	for _, w := range found {
		maker := Object{Kind: w.Kind.Kind, Namespace: w.GetNamespace(), Name: w.GetName(), Reason: "it makes pods with the recording proxy"}
		if command := w.ReleaseCommand(); command != "" {
			maker.Reason += " from a former template: " + command
		}
		all = append(all, maker)
	}
	return all, err
}
