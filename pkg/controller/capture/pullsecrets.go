// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/workload"
)

// pullSecrets returns the Secrets that the template of a workload needs besides its own to pull the image of the proxy.
func (r *Reconciler) pullSecrets(ctx context.Context, w *workload.Workload) ([]string, error) {
	if len(r.Options.ImagePullSecrets) == 0 {
		return nil, nil
	}
	name := injection.AccountOf(w.Template.Spec)
	account, err := r.Kube.CoreV1().ServiceAccounts(w.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		account = &corev1.ServiceAccount{} // no pod can be made as long as it is not there
	} else if err != nil {
		return nil, fmt.Errorf("reading the pull secrets of ServiceAccount %q: %w", name, err)
	}
	return injection.PullSecrets(w.Template, account.ImagePullSecrets, r.Options.ImagePullSecrets), nil
}
