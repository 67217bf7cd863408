// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"context"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
	reference "github.com/restage-dev/restage/pkg/cli/workload"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/manifest"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// apply puts the proxy into a workload of the cluster and says so.
func apply(ctx context.Context, c *cluster.Cluster, argument string, o manifest.Options) (string, error) {
	client, w, err := read(ctx, c, argument)
	if err != nil {
		return "", err
	}
	name, pods := reference.String(w.Reference()), w.Template.Spec
	if capture.IsOurs(w) {
		return name + " is injected by the operator already", nil
	}
	if manifest.IsInjected(pods) && !capture.IsInjected(w) {
		return name + " is injected in its manifest already", nil
	}
	if err := changeable(w); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if err := safe(ctx, c, client.Kube); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	if o.ImagePullSecrets, err = pullSecrets(ctx, client.Kube, w, o.ImagePullSecrets); err != nil {
		return "", err
	}
	template, err := addition(w, o)
	if err != nil {
		return "", err
	}
	annotations := map[string]string{v1alpha1.AnnotationCaptureEnabled: "true", v1alpha1.AnnotationCaptureInjected: ""}
	if err := capture.Inject(ctx, client, w, annotations, template); err != nil {
		return "", fmt.Errorf("injecting %s: %w", name, err)
	}
	return name + " injected (server-side applied)", nil
}

// changeable tells whether the proxy can be put into the workload where it is.
func changeable(w *workload.Workload) error {
	if maker := w.Controlled(); maker != nil {
		return fmt.Errorf("it is made by %s %s, which would undo any change of it; inject that instead", maker.Kind, maker.Name)
	}
	if w.Change == workload.ChangeNever {
		return errors.New("its pod template cannot be changed once it exists; put the proxy into its manifest with -f, delete it and create it again")
	}
	if !w.BuiltIn() {
		return errors.New("lists of a kind that is not Kubernetes' own may not be merged by name; put the proxy into its manifest with -f, or use kubectl restage capture start")
	}
	return injection.RefuseCapture(w.Template.Spec, w.PodSpecPath())
}

// safe tells whether the policies are there by which kube-apiserver keeps what is put into a template from standing in anybody's way. For who may not read
// policies, which are for the whole cluster, they are where the operator keeps them.
func safe(ctx context.Context, c *cluster.Cluster, kube kubernetes.Interface) error {
	const otherwise = "put the proxy into its manifest with -f, or use kubectl restage capture start"
	served, err := workload.HasPolicies(kube.Discovery())
	if err != nil {
		return err
	}
	if !served {
		return fmt.Errorf("%s; %s", workload.NoPolicies, otherwise)
	}
	missing, err := safeguards.Missing(ctx, kube)
	if apierrors.IsForbidden(err) {
		var found *installation.Installation
		if found, err = c.Installation(ctx, ""); err == nil && found.Injection() != wiring.InjectionWorkload {
			missing = wiring.TemplateVolumes
		}
	}
	if err != nil {
		return fmt.Errorf("it cannot be seen whether the policies are there: %w; %s", err, otherwise)
	}
	if missing != "" {
		return fmt.Errorf("%s, and there is no MutatingAdmissionPolicy %s, or no binding of it: an installation with --injection=%s has it; %s", workload.Condition, missing, wiring.InjectionWorkload, otherwise)
	}
	return nil
}

// withdraw takes the proxy out of a workload of the cluster and says so.
func withdraw(ctx context.Context, c *cluster.Cluster, argument string) (string, error) {
	client, w, err := read(ctx, c, argument)
	if err != nil {
		return "", err
	}
	name := reference.String(w.Reference())
	switch {
	case capture.IsInjected(w):
	case capture.IsOurs(w):
		return takeBack(ctx, c, client, w)
	case manifest.IsInjected(w.Template.Spec):
		return "", errors.New(name + " was injected in its manifest; take the proxy out there with kubectl restage uninject -f, and apply it")
	default:
		return name + " is not injected", nil
	}
	if err := capture.Uninject(ctx, client, w); err != nil {
		return "", fmt.Errorf("uninjecting %s: %w", name, err)
	}
	return name + " uninjected (server-side applied)", nil
}

// takeBack takes out what the operator has put in, unless it would put it in again.
func takeBack(ctx context.Context, c *cluster.Cluster, client workload.Client, w *workload.Workload) (string, error) {
	name := reference.String(w.Reference())
	recorded, err := isRecorded(ctx, c, w)
	if err != nil {
		return "", err
	}
	if recorded {
		return "", fmt.Errorf("%s was injected by the operator, which would do it again; use kubectl restage capture stop %s", name, name)
	}
	if _, err := capture.RemoveSidecar(ctx, client, w.GetNamespace(), w.Reference()); err != nil {
		return "", fmt.Errorf("uninjecting %s: %w", name, err)
	}
	return name + " uninjected", nil
}

// isRecorded tells whether a capture has the operator keep the proxy in the template of a workload, which it does with one way of injection alone. Who may not
// see how Restage is installed is told of captures.
func isRecorded(ctx context.Context, c *cluster.Cluster, w *workload.Workload) (bool, error) {
	if found, err := c.Installation(ctx, ""); err == nil && found.Installed() && found.Injection() != wiring.InjectionWorkload {
		return false, nil
	}
	client, err := c.Restage()
	if err != nil {
		return false, err
	}
	captures, err := client.ReplayV1alpha1().TrafficCaptures(w.GetNamespace()).List(ctx, metav1.ListOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil // Restage is gone
	}
	if err != nil {
		return false, fmt.Errorf("looking for captures of %s: %w", w, err)
	}
	return slices.ContainsFunc(captures.Items, func(t v1alpha1.TrafficCapture) bool { return workload.Same(t.Spec.WorkloadRef, w.Reference()) }), nil
}

func read(ctx context.Context, c *cluster.Cluster, argument string) (workload.Client, *workload.Workload, error) {
	ref, err := reference.Parse(argument, c.Mapper)
	if err != nil {
		return workload.Client{}, nil, err
	}
	client, err := c.Workloads()
	if err != nil {
		return client, nil, err
	}
	namespace, err := c.Namespace()
	if err != nil {
		return client, nil, err
	}
	w, err := client.Find(ctx, namespace, ref)
	return client, w, objects.ExplainWorkload(ctx, c, ref.Kind, err)
}

// addition is what is added to the template of a workload.
func addition(w *workload.Workload, o manifest.Options) (map[string]any, error) {
	added, err := o.Patch(w.GetName(), w.GetAnnotations(), w.Template.Spec)
	if err != nil {
		return nil, err
	}
	spec, err := added.PodSpec()
	if err != nil {
		return nil, err
	}
	template := map[string]any{"spec": spec}
	if annotations := added.Annotations(); len(annotations) > 0 {
		template["metadata"] = map[string]any{"annotations": annotations}
	}
	return template, nil
}

// pullSecrets are those that the pods need besides their own, as the operator counts them: a pod with any gets none of its service account.
func pullSecrets(ctx context.Context, kube kubernetes.Interface, w *workload.Workload, ours []string) ([]string, error) {
	if len(ours) == 0 {
		return nil, nil
	}
	name := injection.AccountOf(w.Template.Spec)
	account, err := kube.CoreV1().ServiceAccounts(w.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the pull secrets of ServiceAccount %q: %w", name, err)
	}
	return injection.PullSecrets(w.Template, account.ImagePullSecrets, ours), nil
}
