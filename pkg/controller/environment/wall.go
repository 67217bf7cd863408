// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/owned"
	"github.com/restage-dev/restage/pkg/injection"
)

// WallName names the NetworkPolicy of an environment.
func WallName(environment string) string { return environment + "-isolation" }

// applyWall makes the second wall round the copies: where the cluster's network enforces policies, it holds them to their own environment even
// if the rules in their pods, which are the first wall, did not stand.
func (r *Reconciler) applyWall(ctx context.Context, m *making) error {
	namespace := m.environment.Namespace
	_, err := owned.Apply(ctx, r.Kube.NetworkingV1().NetworkPolicies(namespace), wall(m.environment), m.owner)
	return err
}

// wall lets copies make TCP connections to pods of their environment, and nothing else. Answers to those who call a copy pass, as they
// belong to a connection that was let in.
func wall(environment *v1alpha1.Environment) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: WallName(environment.Name), Namespace: environment.Namespace},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{
				v1alpha1.LabelEnvironment: environment.Name, v1alpha1.LabelComponent: injection.ComponentWorkload,
			}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
			Egress: []networkingv1.NetworkPolicyEgressRule{{
				To: []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{
					MatchLabels: map[string]string{v1alpha1.LabelEnvironment: environment.Name},
				}}},
				Ports: []networkingv1.NetworkPolicyPort{{Protocol: ptr.To(corev1.ProtocolTCP)}},
			}},
		},
	}
}
