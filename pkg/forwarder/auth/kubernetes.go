// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"fmt"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	replay "github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Kubernetes asks the API server, by TokenReview and SubjectAccessReview.
type Kubernetes struct {
	Client kubernetes.Interface
}

// ReviewToken takes only tokens that were made for the forwarder.
func (k Kubernetes) ReviewToken(ctx context.Context, token string) (Identity, bool, error) {
	review, err := k.Client.AuthenticationV1().TokenReviews().Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{wiring.ForwarderAudience}},
	}, metav1.CreateOptions{})
	if err != nil {
		return Identity{}, false, fmt.Errorf("asking for a TokenReview: %w", err)
	}
	// An authenticator that knows nothing of audiences leaves them out, and may have accepted a token for another server.
	if !review.Status.Authenticated || !slices.Contains(review.Status.Audiences, wiring.ForwarderAudience) {
		return Identity{}, false, nil
	}
	user := review.Status.User
	identity := Identity{User: user.Username, UID: user.UID, Groups: user.Groups, Extra: make(map[string][]string, len(user.Extra))}
	for key, values := range user.Extra {
		identity.Extra[key] = values
	}
	return identity, true, nil
}

// ReviewAccess asks the authorizers of the cluster, so that RBAC rules for the resources hold here too.
func (k Kubernetes) ReviewAccess(ctx context.Context, user Identity, access Access) (bool, string, error) {
	resource, subresource, _ := strings.Cut(access.Resource, "/")
	extra := make(map[string]authorizationv1.ExtraValue, len(user.Extra))
	for key, values := range user.Extra {
		extra[key] = values
	}
	review, err := k.Client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.User, UID: user.UID, Groups: user.Groups, Extra: extra,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: replay.GroupName, Version: "v1alpha1", Resource: resource, Subresource: subresource,
				Verb: access.Verb, Namespace: access.Namespace, Name: access.Name,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, "", fmt.Errorf("asking for a SubjectAccessReview: %w", err)
	}
	return review.Status.Allowed && !review.Status.Denied, review.Status.Reason, nil
}
