// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package safeguards

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// fresh is how long an answer holds. What records asks for each workload every few seconds.
const fresh = 5 * time.Second

// answer is the last one, for all who ask.
type answer struct {
	sync.Mutex
	given    time.Time
	obstacle string
}

// Obstacle says why the template of a workload may not be written to: because nothing would keep what is put into it from being refused, with
// nothing of Restage alive to help. It is empty when the template may be. A policy that is not there is made for that.
func (r *Reconciler) Obstacle(ctx context.Context, w *workload.Workload) (string, error) {
	r.last.Lock()
	defer r.last.Unlock()
	if time.Since(r.last.given) >= fresh {
		obstacle, err := r.obstacle(ctx)
		if err != nil {
			return "", err
		}
		r.last.given, r.last.obstacle = time.Now(), obstacle
	}
	if r.last.obstacle != "" {
		return r.last.obstacle, nil
	}
	return r.leftOut(w), nil
}

// obstacle is what stands in the way of any change.
func (r *Reconciler) obstacle(ctx context.Context) (string, error) {
	if r.Injection != wiring.InjectionWorkload {
		return "this installation of Restage changes no template (--injection=" + r.Injection + ")", nil
	}
	served, err := workload.HasPolicies(r.Kube.Discovery())
	if err != nil {
		return "", err
	}
	if !served {
		return workload.NoPolicies + "; install Restage with --injection=" + wiring.InjectionWebhook +
			", which adds the proxy to pods as they are made, and else with the flags that it was installed with", nil
	}
	missing, err := Missing(ctx, r.Kube)
	if missing == "" || err != nil { // Reconcile sees to it that they say what they should
		return "", err
	}
	err = r.keep(ctx)
	switch {
	case !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err):
		return "", err
	case len(r.Namespaces) == 0:
		return fmt.Sprintf("%s, and MutatingAdmissionPolicy %s cannot be made: %v", workload.Condition, missing, err), nil
	}
	return fmt.Sprintf("%s, and MutatingAdmissionPolicy %s, or its binding, is missing; whoever installs Restage for some namespaces gives it the right to make them, and it gives that back: "+
		"kubectl restage install --namespaces %s | kubectl apply -f -, with the flags that it was installed with", workload.Condition, missing, strings.Join(r.Namespaces, ",")), nil
}

// leftOut says why the policy does not look at a workload; empty when it does.
func (r *Reconciler) leftOut(w *workload.Workload) string {
	switch {
	case w.GetLabels()[v1alpha1.LabelPartOf] == v1alpha1.PartOf:
		return fmt.Sprintf("its label %s=%s is that of what Restage makes itself, which MutatingAdmissionPolicy %s leaves alone", v1alpha1.LabelPartOf, v1alpha1.PartOf, wiring.TemplateVolumes)
	case len(r.Namespaces) > 0 && !w.BuiltIn() && w.Kind.GroupKind() != rollout:
		return fmt.Sprintf("MutatingAdmissionPolicy %s of an installation for some namespaces does not look at workloads of the kind %s; put the proxy into its manifest with kubectl restage inject -f",
			wiring.TemplateVolumes, w.Kind.GroupKind())
	}
	return ""
}

// rollout, and its resource, is the one kind that the manifest has and Kubernetes has not.
var (
	rollout  = schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}
	rollouts = schema.GroupResource{Group: rollout.Group, Resource: "rollouts"}
)
