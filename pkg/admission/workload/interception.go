// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/warning"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
)

// interception is how the copies of an environment are led to the responder. What the class leaves open the namespace decides: where it
// enforces a Pod Security level that refuses the capability for rules, there are none, and the user is told.
func (s Source) interception(ctx context.Context, place Place) (explicit bool, err error) {
	wanted := v1alpha1.InterceptionAuto
	if place.Class != nil && place.Class.Spec.Interception != "" {
		wanted = place.Class.Spec.Interception
	}
	if wanted != v1alpha1.InterceptionAuto {
		return wanted == v1alpha1.InterceptionExplicit, nil
	}
	namespace, err := s.namespace(ctx, place.Namespace)
	if apierrors.IsNotFound(err) {
		return false, nil // nothing can be made in it
	}
	if err != nil {
		return false, fmt.Errorf("reading the Pod Security level of namespace %s: %w", place.Namespace, err)
	}
	level := injection.RefusingLevel(namespace.Labels)
	if level == "" {
		return false, nil
	}
	warning.AddWarning(ctx, "", fmt.Sprintf("namespace %s enforces the Pod Security level %q, which does not allow redirect rules: interception is Explicit, "+
		"in which what dials an address past the proxy is held back by NetworkPolicy alone; see the condition Isolated of the Environment", place.Namespace, level))
	return true, nil
}

// namespace returns a namespace, read once a request.
func (s Source) namespace(ctx context.Context, name string) (*corev1.Namespace, error) {
	live := func() (*corev1.Namespace, error) {
		return s.Client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
	}
	if s.Namespaces == nil {
		return memo.Read(ctx, "live Namespace/"+name, live)
	}
	return memo.ReadCached(ctx, "Namespace/"+name, func() (*corev1.Namespace, bool) {
		namespace, err := s.Namespaces.Get(name)
		return namespace, err == nil
	}, live)
}
