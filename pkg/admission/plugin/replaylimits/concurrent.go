// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replaylimits

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/refusal"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// pageSize is how many replays are read at a time when they are counted.
const pageSize = 500

// place takes a place for a replay on each of its workloads, or says on which there is none.
//
// The count is exact within one server: a replay that was admitted and is not stored yet is counted by all that come after
// it. Several servers do not know of each other's, so that there two replays of the same moment may both be let through.
func (p *Plugin) place(ctx context.Context, r *replay.TrafficReplay, limit *concurrency, dryRun bool) ([]refusal.Cause, error) {
	named := names{plugin: p, namespace: r.Namespace, known: map[string][]string{}}
	wanted, err := named.ofNew(ctx, r)
	if err != nil || len(wanted) == 0 {
		return nil, err
	}
	var earlier []place
	if dryRun {
		earlier = p.taken.list(r.Namespace)
	} else {
		// Before the stored ones are read: whoever is not among the earlier any more is stored, or has failed.
		earlier = p.taken.take(ctx, place{namespace: r.Namespace, uid: r.UID, workloads: wanted})
	}
	used, err := p.used(ctx, &named, earlier)
	if err != nil {
		return nil, err
	}
	var exceeded []refusal.Cause
	for _, workload := range wanted {
		if n := used[workload].Len(); n >= limit.most {
			exceeded = append(exceeded, limit.full(source(r, workload), workload, n))
		}
	}
	if len(exceeded) > 0 {
		p.taken.free(r.UID)
	}
	return exceeded, nil
}

// used returns the replays that have not ended by their workloads.
func (p *Plugin) used(ctx context.Context, named *names, earlier []place) (map[string]sets.Set[types.UID], error) {
	used := map[string]sets.Set[types.UID]{}
	add := func(uid types.UID, workloads []string) {
		for _, workload := range workloads {
			if used[workload] == nil {
				used[workload] = sets.New[types.UID]()
			}
			used[workload].Insert(uid)
		}
	}
	for _, other := range earlier {
		add(other.uid, other.workloads)
	}
	// In this order: a replay that goes from one phase to the next in between is found in the second.
	for _, phase := range []v1alpha1.ReplayPhase{v1alpha1.PhasePending, v1alpha1.PhaseRunning} {
		options := metav1.ListOptions{Limit: pageSize, FieldSelector: v1alpha1.FieldPhase + "=" + string(phase)}
		for {
			page, err := p.read.Client.ReplayV1alpha1().TrafficReplays(named.namespace).List(ctx, options)
			if err != nil {
				return nil, fmt.Errorf("counting TrafficReplays: %w", err)
			}
			for i := range page.Items {
				workloads, err := named.of(ctx, &page.Items[i])
				if err != nil {
					return nil, err
				}
				add(page.Items[i].UID, workloads)
			}
			if options.Continue = page.Continue; options.Continue == "" {
				break
			}
		}
	}
	return used, nil
}

// names finds the workloads of replays that do not name them themselves, and asks once for each object that does.
type names struct {
	plugin    *Plugin
	namespace string
	known     map[string][]string // by kind and name
}

// ofNew returns the workloads of a new replay, each once.
func (n *names) ofNew(ctx context.Context, r *replay.TrafficReplay) ([]string, error) {
	versioned := &v1alpha1.TrafficReplay{}
	if err := v1alpha1.Convert_replay_TrafficReplay_To_v1alpha1_TrafficReplay(r, versioned, nil); err != nil {
		return nil, err
	}
	return n.of(ctx, versioned)
}

// source is the field by which a replay comes to a workload.
func source(r *replay.TrafficReplay, workload string) *field.Path {
	for i := range r.Spec.Workloads {
		if r.Spec.Workloads[i].Ref.Name == workload {
			return specPath.Child("workloads").Index(i).Child("ref", "name")
		}
	}
	if r.Spec.Environment != nil && r.Spec.Environment.Name != "" {
		return specPath.Child("environment", "name")
	}
	return specPath.Child("snapshotName")
}

// of returns the names of the workloads that a replay uses copies of; none when it runs against a target.
func (n *names) of(ctx context.Context, r *v1alpha1.TrafficReplay) ([]string, error) {
	switch {
	case r.Spec.Target != nil:
		return nil, nil
	case len(r.Spec.Workloads) > 0:
		return distinct(r.Spec.Workloads), nil
	case r.Spec.Environment != nil && r.Spec.Environment.Name != "":
		return n.remember("environment/"+r.Spec.Environment.Name, func() ([]string, error) {
			environment, _, err := n.plugin.read.Environment(ctx, n.namespace, r.Spec.Environment.Name, specPath.Child("environment", "name"))
			if err != nil || environment == nil {
				return nil, err
			}
			return distinct(environment.Spec.Workloads), nil
		})
	}
	return n.remember("snapshot/"+r.Spec.SnapshotName, func() ([]string, error) {
		snapshot, _, err := n.plugin.read.Snapshot(ctx, n.namespace, r.Spec.SnapshotName)
		if err != nil || snapshot == nil {
			return nil, err
		}
		return []string{snapshot.Spec.WorkloadRef.Name}, nil
	})
}

func (n *names) remember(key string, read func() ([]string, error)) ([]string, error) {
	if workloads, ok := n.known[key]; ok {
		return workloads, nil
	}
	workloads, err := read()
	if err == nil {
		n.known[key] = workloads
	}
	return workloads, err
}

// distinct returns the names of the live workloads, each once.
func distinct(workloads []v1alpha1.EnvironmentWorkload) []string {
	found := sets.New[string]()
	for _, workload := range workloads {
		found.Insert(workload.Ref.Name)
	}
	return sets.List(found)
}
