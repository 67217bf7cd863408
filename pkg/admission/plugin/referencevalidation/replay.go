// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package referencevalidation

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
)

// replay checks all that a replay refers to.
func (p *Plugin) replay(ctx context.Context, namespace string, r *replay.TrafficReplay) (field.ErrorList, error) {
	snapshot, errs, err := p.read.Snapshot(ctx, namespace, r.Spec.SnapshotName)
	if err != nil {
		return nil, err
	}
	profile, problems, err := p.read.Profile(ctx, namespace, r.Spec.ProfileName)
	if err != nil {
		return nil, err
	}
	errs = append(errs, problems...)
	class, problems, err := p.read.ReplayClass(ctx, r)
	if err != nil {
		return nil, err
	}
	errs = append(errs, problems...)
	if snapshot == nil {
		return errs, nil
	}
	copies := lookup.Copies(r, snapshot)
	if len(copies) > 0 {
		errs = append(errs, checkSlices(r.Spec.Workloads, snapshot)...)
	}
	problems, err = p.compile(ctx, workload.Place{Namespace: namespace, Environment: r.Name, Class: class, ProxyImage: p.image}, copies)
	if err != nil {
		return nil, err
	}
	if errs = append(errs, problems...); len(errs) == 0 {
		warnOfSnapshot(ctx, snapshot, r.Spec.Mode != replay.ModeMocksOnly)
		warnOfTimeout(ctx, r, snapshot, profile)
	}
	return errs, nil
}

// compile compiles the templates of the environment that will be made, as a trial. The name of a workload that the replay does not
// name itself has not been checked before.
func (p *Plugin) compile(ctx context.Context, place workload.Place, copies []lookup.Copy) (errs field.ErrorList, err error) {
	for _, wanted := range copies {
		_, problems, err := p.workloads.Compile(ctx, place, &wanted.Workload, wanted.Path)
		if err != nil {
			return nil, err
		}
		errs = append(errs, problems...)
		errs = append(errs, validation.ValidateRecordedName(wanted.Workload.Name, place.Environment, wanted.Path.Child("name"))...)
	}
	return errs, nil
}
