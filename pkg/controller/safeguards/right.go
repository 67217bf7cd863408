// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package safeguards

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

const (
	// Role is the name of the ClusterRole that has the right to make the policies, and of its binding.
	Role = "restage-controller-safeguards"
	// AnnotationVersion on the binding says which policies it is given for, by Version, and that it is given back. In an installation for all namespaces it is not there.
	AnnotationVersion = "replay.restage.dev/safeguards"
)

// giveBack takes the subjects off the binding that gives us the right to make the policies, once they are made. Who may write a policy may change anything in the
// cluster, which is more than an installation for some namespaces is to have. The right to change the binding is one of those that go with it. Whoever applies the
// manifests gives it for what they say, as with the next release; the binding of another release is left to its controller, which may be about to start.
func (r *Reconciler) giveBack(ctx context.Context) error {
	bindings := r.Kube.RbacV1().ClusterRoleBindings()
	binding, err := bindings.Get(ctx, Role, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for ClusterRoleBinding %q: %w", Role, err)
	}
	if len(binding.Subjects) == 0 || binding.DeletionTimestamp != nil {
		return nil
	}
	version, err := Version()
	if err != nil {
		return err
	}
	logger := klog.FromContext(ctx)
	if given := binding.Annotations[AnnotationVersion]; given != version {
		logger.Info("The right to make policies was given for those of another release, and is not given back by this one", "clusterRoleBinding", Role, "given", given, "ours", version)
		return nil
	}
	type operation struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value,omitempty"`
	}
	patch, err := json.Marshal([]operation{
		{"test", "/metadata/resourceVersion", binding.ResourceVersion},
		{"remove", "/subjects", nil}, // then they are nobody's, and who applies them again meets no other owner
	})
	if err != nil {
		return err
	}
	if _, err := bindings.Patch(ctx, Role, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}); err != nil {
		return fmt.Errorf("giving back the right to make policies: ClusterRoleBinding %q: %w", Role, err)
	}
	logger.Info("Gave back the right to make policies", "clusterRoleBinding", Role)
	return nil
}
