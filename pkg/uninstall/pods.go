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

// keeping are the workloads whose pods keep the proxy until somebody replaces them, and how, and those that still make pods with it from a former template. Not looked
// at are those that are recorded and replace their pods once the proxy is out of their templates. A rescue goes on without knowing them, and says so.
func (c *Clients) keeping(ctx context.Context, o Options, recorded []recordedWorkload) (all []Object, err error) {
	replaces := func(w recordedWorkload) bool { return w.Change == workload.ChangeReplaces && !w.Holds() }
	pods, err := kept.Find(ctx, c.recordable(), metav1.NamespaceAll, func(namespace string, ref v1alpha1.WorkloadReference) bool {
		return slices.ContainsFunc(recorded, func(w recordedWorkload) bool {
			return replaces(w) && w.GetNamespace() == namespace && workload.Same(w.Reference(), ref)
		})
	})
	for _, of := range pods {
		all = append(all, Object{
			Kind: of.Workload.Kind, Namespace: of.Namespace, Name: of.Workload.Name,
			Reason: fmt.Sprintf("%d of its pods keep the recording proxy, which relays, until they are replaced: %s", len(of.Names), of.Command),
		})
	}
	var makers []*workload.Workload
	if err == nil {
		makers, err = kept.Makers(ctx, c.recordable(), metav1.NamespaceAll)
	}
	for _, w := range makers {
		maker := Object{Kind: w.Kind.Kind, Namespace: w.GetNamespace(), Name: w.GetName(), Reason: "it makes pods with the recording proxy"}
		if command := w.ReleaseCommand(); command != "" {
			maker.Reason += " from a former template: " + command
		}
		known := func(o Object) bool {
			return o.Kind == maker.Kind && o.Namespace == maker.Namespace && o.Name == maker.Name
		}
		if !slices.ContainsFunc(all, known) && !slices.ContainsFunc(recorded, func(w recordedWorkload) bool { return known(w.Object) }) {
			all = append(all, maker)
		}
	}
	if err != nil && o.Rescue && ctx.Err() == nil {
		return append(all, Object{Kind: "Pod", Name: "*", Reason: fmt.Sprintf("whether any keeps the recording proxy is not known: %v", err)}), nil
	}
	return all, err
}
