// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic"
)

// Keys are those of the slices of one direction of a snapshot.
func Keys(snapshot *v1alpha1.TrafficSnapshot, direction v1alpha1.Direction) []string {
	var keys []string
	for _, slice := range snapshot.Status.Slices {
		if slice.Direction == direction {
			keys = append(keys, slice.Key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// InboundKeys are those of the recorded requests that are meant for one workload of an environment: the ones of the live
// workload that it copies. The only workload of an environment stands in for the recorded one whatever it copies.
func InboundKeys(environment *v1alpha1.Environment, workload *v1alpha1.EnvironmentWorkload, snapshot *v1alpha1.TrafficSnapshot) []string {
	keys := Keys(snapshot, v1alpha1.DirectionInbound)
	if len(environment.Spec.Workloads) == 1 {
		return keys
	}
	return slices.DeleteFunc(keys, func(key string) bool {
		name, _, err := net.SplitHostPort(key)
		return err != nil || name != workload.Ref.Name
	})
}

// Resolve returns the keys that the patterns select among the known ones, each once and sorted; all when there is no
// pattern. The error names the pattern and what is known.
func Resolve(patterns, known []string) ([]string, error) {
	if len(patterns) == 0 {
		return known, nil
	}
	var resolved []string
	for _, pattern := range patterns {
		keys, err := traffic.ResolveKey(pattern, known)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, keys...)
	}
	slices.Sort(resolved)
	return slices.Compact(resolved), nil
}

// KeyPort is the port in a slice key.
func KeyPort(key string) (int32, error) {
	_, text, err := net.SplitHostPort(key)
	if err != nil {
		return 0, fmt.Errorf("slice key %q: %w", key, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("slice key %q: %w", key, err)
	}
	return int32(port), nil
}

// mocks are the outbound slices that the responder plays: what the workloads name, all of them as soon as
// one names none. Nil means all.
func mocks(environment *v1alpha1.Environment, snapshot *v1alpha1.TrafficSnapshot) ([]string, error) {
	var patterns []string
	for i, workload := range environment.Spec.Workloads {
		if len(workload.Mocks) == 0 {
			return nil, nil
		}
		if _, err := Resolve(workload.Mocks, Keys(snapshot, v1alpha1.DirectionOutbound)); err != nil {
			return nil, fmt.Errorf("spec.workloads[%d].mocks: %w", i, err)
		}
		patterns = append(patterns, workload.Mocks...)
	}
	return Resolve(patterns, Keys(snapshot, v1alpha1.DirectionOutbound))
}
