// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package referencevalidation

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/plugin/defaultclass"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
)

// replay checks all that a replay refers to.
func (p *Plugin) replay(ctx context.Context, namespace string, r *replay.TrafficReplay) (field.ErrorList, error) {
	snapshot, errs, err := p.snapshot(ctx, namespace, r.Spec.SnapshotName)
	if err != nil {
		return nil, err
	}
	problems, err := p.profile(ctx, namespace, r.Spec.ProfileName)
	if err != nil {
		return nil, err
	}
	errs = append(errs, problems...)
	if r.Spec.Target != nil {
		return errs, nil
	}
	class, problems, err := p.replayClass(ctx, namespace, r)
	if err != nil {
		return nil, err
	}
	errs = append(errs, problems...)
	errs = append(errs, checkTimeout(r, class)...)
	if snapshot == nil || r.Spec.Environment != nil && r.Spec.Environment.Name != "" {
		return errs, nil
	}
	errs = append(errs, checkSlices(r.Spec.Workloads, snapshot)...)
	problems, err = p.workloads(ctx, namespace, r, snapshot, class)
	return append(errs, problems...), err
}

// replayClass returns the class of the environment that the replay uses, nil when it has none.
func (p *Plugin) replayClass(ctx context.Context, namespace string, r *replay.TrafficReplay) (*v1alpha1.EnvironmentClass, field.ErrorList, error) {
	name, path := "", specPath.Child("environment")
	switch {
	case r.Spec.Environment == nil:
	case r.Spec.Environment.Name != "":
		path = path.Child("name")
		environment, errs, err := p.standing(ctx, namespace, r.Spec.Environment.Name, path)
		if err != nil || len(errs) > 0 || environment.Spec.ClassName == "" {
			return nil, errs, err
		}
		name = environment.Spec.ClassName
	case r.Spec.Environment.Template != nil:
		path = path.Child("template", "className")
		name = r.Spec.Environment.Template.ClassName
	}
	if name != "" {
		return p.class(ctx, name, path)
	}
	class, err := defaultclass.Find(ctx, p.client)
	return class, nil, err
}

func checkTimeout(r *replay.TrafficReplay, class *v1alpha1.EnvironmentClass) field.ErrorList {
	if class == nil || class.Spec.MaxTimeout == nil || r.Spec.Timeout.Duration <= class.Spec.MaxTimeout.Duration {
		return nil
	}
	return field.ErrorList{field.Invalid(specPath.Child("timeout"), r.Spec.Timeout.Duration.String(),
		fmt.Sprintf("must be no more than %s, the limit of EnvironmentClass %q", class.Spec.MaxTimeout.Duration, class.Name))}
}

// workloads compiles the templates of the environment that will be made, as a trial.
func (p *Plugin) workloads(ctx context.Context, namespace string, r *replay.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot,
	class *v1alpha1.EnvironmentClass,
) (errs field.ErrorList, err error) {
	place := workload.Place{Namespace: namespace, Environment: r.Name, Class: class, ProxyImage: p.image}
	if len(r.Spec.Workloads) == 0 {
		recorded := snapshot.Spec.WorkloadRef
		wanted := &replay.EnvironmentWorkload{Name: recorded.Name, Ref: replay.WorkloadReference(recorded)}
		path := specPath.Child("workloads").Index(0)
		_, errs, err = workload.Compile(ctx, p.host, place, wanted, path)
		return append(errs, validation.ValidateWorkloadName(recorded.Name, r.Name, path.Child("name"))...), err
	}
	for i := range r.Spec.Workloads {
		// The trial fills in names, which have to stay as the user wrote them.
		wanted := r.Spec.Workloads[i].DeepCopy()
		_, problems, err := workload.Compile(ctx, p.host, place, wanted, specPath.Child("workloads").Index(i))
		if err != nil {
			return nil, err
		}
		errs = append(errs, problems...)
	}
	return errs, nil
}
