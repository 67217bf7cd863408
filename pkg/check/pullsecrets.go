// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/installation"
)

// pullSecrets tells whether the Secrets that our pods pull images with are where they are looked for: in our namespace those of
// components and service accounts, in the target namespaces those that the proxy's image needs.
func pullSecrets(ctx context.Context, c *Cluster) ([]Finding, error) {
	wanted := map[string][]string{}
	want := func(namespace string, secrets ...string) {
		for _, secret := range secrets {
			if !slices.Contains(wanted[namespace], secret) {
				wanted[namespace] = append(wanted[namespace], secret)
			}
		}
	}
	for _, name := range installation.Components {
		if d := c.Found.Deployments[name]; d != nil {
			want(c.home(), names(d.Spec.Template.Spec.ImagePullSecrets)...)
		}
		account, err := c.Kube.CoreV1().ServiceAccounts(c.home()).Get(ctx, name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading ServiceAccount %s/%s: %w", c.home(), name, err)
		}
		if err == nil {
			want(c.home(), names(account.ImagePullSecrets)...)
		}
	}
	for _, namespace := range c.Targets {
		want(namespace, c.Found.PullSecrets()...)
	}
	return c.judgePullSecrets(ctx, wanted)
}

func (c *Cluster) judgePullSecrets(ctx context.Context, wanted map[string][]string) ([]Finding, error) {
	var findings []Finding
	count := 0
	for _, namespace := range append([]string{c.home()}, c.Targets...) {
		for _, name := range wanted[namespace] {
			count++
			secret, err := c.Kube.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
			switch {
			case apierrors.IsNotFound(err):
				findings = append(findings, failure(
					fmt.Sprintf("kubectl -n %s create secret docker-registry %s --docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD", namespace, name),
					"image pull secret %s is missing in namespace %s", name, namespace))
			case err != nil:
				return nil, fmt.Errorf("reading Secret %s/%s: %w", namespace, name, err)
			case secret.Type != corev1.SecretTypeDockerConfigJson && secret.Type != corev1.SecretTypeDockercfg:
				findings = append(findings, failure(
					fmt.Sprintf("kubectl -n %s delete secret %s, then create it by: kubectl -n %s create secret docker-registry %s", namespace, name, namespace, name),
					"image pull secret %s in namespace %s is of type %s, which is not for pulling images", name, namespace, secret.Type))
			}
		}
	}
	if count == 0 {
		return ok("none are set"), nil
	}
	return orOK(findings, "all %d are there", count), nil
}

func names(references []corev1.LocalObjectReference) []string {
	list := make([]string, 0, len(references))
	for _, reference := range references {
		list = append(list, reference.Name)
	}
	return list
}
