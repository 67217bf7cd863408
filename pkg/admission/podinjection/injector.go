// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package podinjection answers kube-apiserver, which asks for opted-in pods as they are made, what is to be added to them. It is the door for
// clusters where the templates of workloads must not change. Whatever goes wrong, the pod is made: without the proxy, and with a warning.
package podinjection

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/validation/field"
	corelisters "k8s.io/client-go/listers/core/v1"

	"github.com/restage-dev/restage/pkg/admission/fitting"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// Injector computes what pods get.
type Injector struct {
	// Captures reads the captures of this server, Workloads the workloads of the cluster.
	Captures  versioned.Interface
	Workloads workload.Client
	// Fitter knows what namespaces allow.
	Fitter *fitting.Fitter
	// Namespaces are those of the cluster.
	Namespaces corelisters.NamespaceLister
	// Image of the proxy, how it is pulled, and the names of Secrets to pull it with.
	Image            string
	ImagePullPolicy  corev1.PullPolicy
	ImagePullSecrets []string
	// Forwarder is the host:port that takes the records.
	Forwarder string
}

// answer is what becomes of a pod.
type answer struct {
	outcome outcome
	patch   []byte // JSON patch; nil for nothing
	// said is why the pod is not recorded, or not as asked for; for who made it.
	said string
}

// inject computes the answer for a pod in a namespace. The error is one of ours, and not of the pod.
func (i *Injector) inject(ctx context.Context, namespace string, pod *corev1.Pod) (answer, error) {
	of, err := i.Namespaces.Get(namespace)
	if apierrors.IsNotFound(err) { // a moment ago it was not there
		of, err = i.Workloads.Kube.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
	}
	if err != nil {
		return answer{}, fmt.Errorf("reading namespace %q: %w", namespace, err)
	}
	if !capturespec.OptedIn(pod.Labels, of.Labels) || injection.HasProxy(pod.Spec) || pod.Annotations[v1alpha1.AnnotationProxyLeftOut] != "" {
		return answer{outcome: untouched}, nil
	}
	owner := workload.OwnerOf(pod)
	spec, err := i.capture(ctx, namespace, owner)
	if err != nil {
		return answer{}, err
	}
	switch {
	case spec == nil && pod.Labels[v1alpha1.LabelInject] == "":
		return answer{outcome: notCaptured}, nil // it is the namespace that is opted in, for whatever is captured there
	case spec == nil:
		return answer{outcome: notCaptured, said: fmt.Sprintf("the pod is not recorded: no TrafficCapture records %s %s", owner.Kind, owner.Name)}, nil
	}
	if why := injection.RefuseNamespace(namespace, of.Labels); why != "" {
		return answer{outcome: refused, said: "the pod is not recorded: " + why}, nil
	}
	if err := injection.RefuseCapture(pod.Spec, field.NewPath("spec")); err != nil {
		return answer{outcome: refused, said: "the pod is not recorded: " + err.Error()}, nil
	}
	return i.record(ctx, namespace, pod, owner, *spec)
}

// capture returns what is to be recorded of a workload, nil for nothing: as the capture of it says, or as the annotations of the workload say
// from which the controller is about to make one. The first pods of a workload are made before that is done.
func (i *Injector) capture(ctx context.Context, namespace string, owner v1alpha1.WorkloadReference) (*v1alpha1.TrafficCaptureSpec, error) {
	if owner.Name == "" {
		return nil, nil
	}
	list, err := i.Captures.ReplayV1alpha1().TrafficCaptures(namespace).List(ctx, metav1.ListOptions{
		ResourceVersion: "0", FieldSelector: fields.OneTermEqualSelector("spec.workloadRef.name", owner.Name).String(),
	})
	if err != nil {
		return nil, fmt.Errorf("looking for a capture of %s %q: %w", owner.Kind, owner.Name, err)
	}
	var named []*v1alpha1.TrafficCapture
	for at := range list.Items {
		named = append(named, &list.Items[at])
	}
	// What is recorded is kept under the name of the workload: of two kinds with one name the first is recorded.
	active := capturespec.Active(named, func(*v1alpha1.TrafficCapture) bool { return true })
	switch {
	case active == nil:
		return i.annotated(ctx, namespace, owner)
	case !workload.Same(active.Spec.WorkloadRef, owner):
		return nil, nil
	}
	return &active.Spec, nil
}

// annotated reads the annotations of a workload of the kinds whose annotations are followed. One that is not there any more has none.
func (i *Injector) annotated(ctx context.Context, namespace string, owner v1alpha1.WorkloadReference) (*v1alpha1.TrafficCaptureSpec, error) {
	gvk, err := workload.KindOf(owner)
	if err != nil || !workload.IsWatched(gvk) {
		return nil, nil
	}
	w, err := i.Workloads.Get(ctx, namespace, owner)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the annotations of %s %q: %w", owner.Kind, owner.Name, err)
	}
	if w.GetAnnotations()[v1alpha1.AnnotationCaptureEnabled] != "true" {
		return nil, nil
	}
	spec, err := capturespec.FromAnnotations(w.GetAnnotations())
	if err != nil {
		return nil, nil // the controller says so in an event, and nothing is recorded until they can be followed
	}
	return &spec, nil
}

// record adds the proxy to a pod, as far as its namespace lets it in with that.
func (i *Injector) record(ctx context.Context, namespace string, pod *corev1.Pod, owner v1alpha1.WorkloadReference, spec v1alpha1.TrafficCaptureSpec) (answer, error) {
	a := answer{outcome: injected}
	spec, reading := capturespec.WithoutSecrets(spec, pod.Spec)
	if reading != "" {
		a.said = fmt.Sprintf("outbound TLS of the pod is not read: container %q takes variables from a ConfigMap or a Secret as a whole, which may say whom it trusts", reading)
	}
	patch := injection.Capture(injection.CaptureOptions{
		Settings:         capturespec.Settings(owner.Name, spec, injection.DeclaredPorts(pod.Spec)),
		TLS:              capturespec.TLS(spec.TLS),
		Template:         corev1.PodTemplateSpec{Spec: pod.Spec},
		Forwarder:        i.Forwarder,
		Image:            i.Image,
		ImagePullPolicy:  i.ImagePullPolicy,
		ImagePullSecrets: i.ImagePullSecrets, // the pod has those of its service account already
	})
	template := corev1.PodTemplateSpec{Spec: *pod.Spec.DeepCopy()}
	patch.AddTo(&template)
	fitted, err := i.Fitter.Fit(ctx, namespace, &corev1.Pod{ObjectMeta: pod.ObjectMeta, Spec: template.Spec})
	if err != nil {
		return answer{}, err
	}
	var said []injection.Operation
	if why := fitted.Annotations[v1alpha1.AnnotationProxyLeftOut]; why != "" {
		a = answer{outcome: refused, said: "the pod is not recorded: " + why}
		patch, said = injection.Patch{}, injection.Annotate(pod, v1alpha1.AnnotationProxyLeftOut, why)
	} else if changed := fitted.Annotations[v1alpha1.AnnotationProxyResources]; changed != "" {
		said = injection.Annotate(pod, v1alpha1.AnnotationProxyResources, changed)
	}
	for at := range patch.InitContainers {
		patch.InitContainers[at].Resources = fitted.Spec.InitContainers[at].Resources
	}
	if a.patch, err = json.Marshal(append(said, patch.Operations(pod)...)); err != nil {
		return answer{}, fmt.Errorf("encoding what is added to a pod: %w", err)
	}
	return a, nil
}
