// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/injection"
)

// pullSecrets returns the Secrets that a copy needs besides those of the live template to pull the image of the proxy.
func (s Source) pullSecrets(ctx context.Context, place Place, live corev1.PodTemplateSpec) ([]string, error) {
	if len(place.ImagePullSecrets) == 0 {
		return nil, nil
	}
	name := injection.AccountOf(live.Spec)
	account, err := memo.Read(ctx, "ServiceAccount/"+place.Namespace+"/"+name, func() (*corev1.ServiceAccount, error) {
		return s.Client.CoreV1().ServiceAccounts(place.Namespace).Get(ctx, name, metav1.GetOptions{})
	})
	if apierrors.IsNotFound(err) {
		account = &corev1.ServiceAccount{} // no pod can be made as long as it is not there
	} else if err != nil {
		return nil, fmt.Errorf("reading the pull secrets of ServiceAccount %s/%s: %w", place.Namespace, name, err)
	}
	return injection.PullSecrets(live, account.ImagePullSecrets, place.ImagePullSecrets), nil
}
