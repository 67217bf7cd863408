// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package lookup

import (
	"context"
	"math"
	"strconv"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// ReplayClass returns the class of the environment that a replay uses, nil when it has none.
func (r Reader) ReplayClass(ctx context.Context, o *replay.TrafficReplay) (*v1alpha1.EnvironmentClass, field.ErrorList, error) {
	path := specPath.Child("environment")
	switch environment := o.Spec.Environment; {
	case o.Spec.Target != nil:
		return nil, nil, nil
	case environment != nil && environment.Name != "":
		path = path.Child("name")
		standing, errs, err := r.Environment(ctx, o.Namespace, environment.Name, path)
		if err != nil || len(errs) > 0 {
			return nil, errs, err
		}
		return r.Class(ctx, standing.Spec.ClassName, path)
	case environment != nil && environment.Template != nil && environment.Template.ClassName != "":
		return r.Class(ctx, environment.Template.ClassName, path.Child("template", "className"))
	}
	class, err := r.DefaultClass(ctx)
	return class, nil, err
}

// Copy is a workload that is copied into the environment of a replay, and the field that asks for it.
type Copy struct {
	Workload replay.EnvironmentWorkload
	Path     *field.Path
}

// MakesEnvironment tells whether an environment is made for a replay, rather than that it uses a standing one or a target.
func MakesEnvironment(o *replay.TrafficReplay) bool {
	return o.Spec.Target == nil && (o.Spec.Environment == nil || o.Spec.Environment.Name == "")
}

// Copies returns what is copied into the environment that is made for a replay: what it names, else the workload of its snapshot. What
// the caller has put down for a template is left out, since the server compiles it.
func Copies(o *replay.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot) (copies []Copy) {
	if !MakesEnvironment(o) {
		return nil
	}
	path := specPath.Child("workloads")
	for i := range o.Spec.Workloads {
		workload := o.Spec.Workloads[i].DeepCopy()
		workload.Template = nil
		copies = append(copies, Copy{Workload: *workload, Path: path.Index(i)})
	}
	if len(copies) == 0 && snapshot != nil {
		recorded := snapshot.Spec.WorkloadRef
		copies = []Copy{{Workload: replay.EnvironmentWorkload{Name: recorded.Name, Ref: replay.WorkloadReference(recorded)}, Path: path.Index(0)}}
	}
	return copies
}

// Speed returns the factor of the recorded pace at which a replay runs, and the field that sets it; the profile is that which the
// replay names, nil when it names none. Both have been validated, so that a speed is a number.
func Speed(o *replay.TrafficReplay, profile *v1alpha1.ReplayProfile) (float64, *field.Path) {
	speed, path := v1alpha1.DefaultSpeed, specPath.Child("profile", "load", "speed")
	switch {
	case o.Spec.Profile != nil && o.Spec.Profile.Load.Speed != "":
		speed = o.Spec.Profile.Load.Speed
	case profile != nil && profile.Spec.Load.Speed != "":
		speed, path = profile.Spec.Load.Speed, specPath.Child("profileName")
	}
	factor, err := strconv.ParseFloat(speed, 64)
	if err != nil {
		return math.Inf(1), path // over every limit
	}
	return factor, path
}
