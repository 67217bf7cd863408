// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package fitting has pods that get the proxy as they are made fit what their namespace allows. It is for the webhook, which there is for clusters whose kube-apiserver has no
// policies for it: it goes by the same ones, artifacts/safeguards, and evaluates them as kube-apiserver does.
package fitting

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// rounds are how often kube-apiserver asks policies at most, of which one may change what another has looked at.
const rounds = 2

// Fitter knows what the namespaces of a cluster allow.
type Fitter struct {
	kube           kubernetes.Interface
	limits, quotas func() (*policy, error)
}

// New returns one that compiles a policy when it is first of use, since most clusters do not ask; see Prepare.
func New(kube kubernetes.Interface) *Fitter {
	once := func(name string) func() (*policy, error) {
		return sync.OnceValues(func() (*policy, error) { return compile(name) })
	}
	return &Fitter{kube, once(wiring.PodLimits), once(wiring.PodQuotas)}
}

// Prepare compiles the policies, which takes a tenth of a second, and longer where the CPU is short, so that no pod waits for it.
func (f *Fitter) Prepare() error {
	_, limits := f.limits()
	_, quotas := f.quotas()
	return errors.Join(limits, quotas)
}

// Fit returns a pod, which is about to be made with the proxy in a namespace, as its LimitRanges and ResourceQuotas let it in: with annotations that say
// what was changed of the proxy, or why it was left out. The pod itself is not changed.
func (f *Fitter) Fit(ctx context.Context, namespace string, pod *corev1.Pod) (*corev1.Pod, error) {
	cached := metav1.ListOptions{ResourceVersion: "0"}
	limits, err := f.kube.CoreV1().LimitRanges(namespace).List(ctx, cached)
	if err != nil {
		return nil, fmt.Errorf("looking for the LimitRanges of namespace %q: %w", namespace, err)
	}
	quotas, err := f.kube.CoreV1().ResourceQuotas(namespace).List(ctx, cached)
	if err != nil {
		return nil, fmt.Errorf("looking for the ResourceQuotas of namespace %q: %w", namespace, err)
	}
	if len(limits.Items)+len(quotas.Items) == 0 {
		return pod, nil
	}
	filled := pod.DeepCopy()
	fill(filled, limits.Items)
	fitted := filled
	for range rounds {
		before := fitted
		if fitted, err = ask(ctx, f.limits, fitted, limits.Items); err != nil {
			return nil, err
		}
		if fitted, err = ask(ctx, f.quotas, fitted, quotas.Items); err != nil {
			return nil, err
		}
		if equality.Semantic.DeepEqual(before, fitted) {
			break
		}
	}
	unfill(fitted, filled, pod)
	return fitted, nil
}

// ask asks a policy about each of its parameters, as long as there is a proxy to ask about.
func ask[T any, P interface {
	*T
	runtime.Object
}](ctx context.Context, compiled func() (*policy, error), pod *corev1.Pod, parameters []T) (*corev1.Pod, error) {
	for i := range parameters {
		if !injection.HasProxy(pod.Spec) {
			break
		}
		p, err := compiled()
		if err != nil {
			return nil, err
		}
		if pod, err = p.apply(ctx, pod, P(&parameters[i])); err != nil {
			return nil, err
		}
	}
	return pod, nil
}

// fill gives our containers the defaults that LimitRanger will give them. It has given them to those of the pod before, and looks at it again once the proxy is in it.
func fill(pod *corev1.Pod, ranges []corev1.LimitRange) {
	for i := range pod.Spec.InitContainers {
		container := &pod.Spec.InitContainers[i]
		if !injection.IsOurContainer(container.Name) {
			continue
		}
		for _, r := range ranges {
			requests, limits := defaults(r)
			container.Resources.Requests = with(container.Resources.Requests, requests)
			container.Resources.Limits = with(container.Resources.Limits, limits)
		}
	}
}

// unfill leaves it to LimitRanger to give them to those of our containers that were not changed since they were filled.
func unfill(fitted, filled, pod *corev1.Pod) {
	if !injection.HasProxy(fitted.Spec) {
		return
	}
	for i := range fitted.Spec.InitContainers { // none has come or gone
		if equality.Semantic.DeepEqual(fitted.Spec.InitContainers[i].Resources, filled.Spec.InitContainers[i].Resources) {
			fitted.Spec.InitContainers[i].Resources = pod.Spec.InitContainers[i].Resources
		}
	}
}

// defaults are those of a LimitRange; of several items that name one, those of the last.
func defaults(r corev1.LimitRange) (requests, limits corev1.ResourceList) {
	requests, limits = corev1.ResourceList{}, corev1.ResourceList{}
	for _, item := range r.Spec.Limits {
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		maps.Copy(requests, item.DefaultRequest)
		maps.Copy(limits, item.Default)
	}
	return requests, limits
}

// with adds to a list what it does not have.
func with(list, defaults corev1.ResourceList) corev1.ResourceList {
	all := maps.Clone(defaults)
	maps.Copy(all, list)
	return all
}
