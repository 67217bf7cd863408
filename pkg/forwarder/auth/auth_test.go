// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// cluster is an API server that knows one token, and lets its user get records.
type cluster struct {
	*fake.Clientset
	tokenReviews  []authenticationv1.TokenReviewSpec
	accessReviews []authorizationv1.SubjectAccessReviewSpec
	audiences     []string // of the answer
	down          error
}

func newCluster() *cluster {
	c := &cluster{Clientset: fake.NewClientset(), audiences: []string{"restage-forwarder"}}
	c.PrependReactor("create", "tokenreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authenticationv1.TokenReview).DeepCopy()
		c.tokenReviews = append(c.tokenReviews, review.Spec)
		if review.Spec.Token == "good" {
			review.Status = authenticationv1.TokenReviewStatus{
				Authenticated: true, Audiences: c.audiences,
				User: authenticationv1.UserInfo{
					Username: "system:serviceaccount:shop:default", UID: "sa-uid", Groups: []string{"system:serviceaccounts"},
					Extra: map[string]authenticationv1.ExtraValue{podNameExtra: {"front-1"}, podUIDExtra: {"uid-1"}},
				},
			}
		}
		return true, review, c.down
	})
	c.PrependReactor("create", "subjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SubjectAccessReview).DeepCopy()
		c.accessReviews = append(c.accessReviews, review.Spec)
		review.Status.Allowed = review.Spec.ResourceAttributes.Verb == "get"
		review.Status.Reason = "because"
		return true, review, c.down
	})
	return c
}

func withToken(t *testing.T, value string) context.Context {
	return metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", value))
}

func TestTokenIsReviewedOnce(t *testing.T) {
	c := newCluster()
	guard := NewGuard(Kubernetes{c})
	for range 3 {
		ctx, err := guard.authenticate(withToken(t, "Bearer good"))
		require.NoError(t, err)
		pod, err := Caller(ctx).Pod()
		require.NoError(t, err)
		require.Equal(t, Pod{Namespace: "shop", Name: "front-1", UID: "uid-1"}, pod)
	}
	require.Equal(t, []authenticationv1.TokenReviewSpec{{Token: "good", Audiences: []string{"restage-forwarder"}}}, c.tokenReviews)
	for range 3 { // a refusal too
		_, err := guard.authenticate(withToken(t, "Bearer bad"))
		require.Equal(t, codes.Unauthenticated, status.Code(err))
	}
	require.Len(t, c.tokenReviews, 2)
}

func TestTokenForAnotherAudienceIsRefused(t *testing.T) {
	for _, audiences := range [][]string{nil, {"https://kubernetes.default.svc"}} {
		c := newCluster()
		c.audiences = audiences
		_, err := NewGuard(Kubernetes{c}).authenticate(withToken(t, "Bearer good"))
		require.Equal(t, codes.Unauthenticated, status.Code(err))
	}
}

func TestMalformedTokensDoNotReachTheCluster(t *testing.T) {
	c := newCluster()
	guard := NewGuard(Kubernetes{c})
	for _, value := range []string{"good", "Basic good", "Bearer ", "Bearer " + strings.Repeat("x", maxTokenBytes+1)} {
		_, err := guard.authenticate(withToken(t, value))
		require.Equal(t, codes.Unauthenticated, status.Code(err), value)
	}
	_, err := guard.authenticate(t.Context())
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.Empty(t, c.tokenReviews)
}

func TestUnreachableClusterIsNotRemembered(t *testing.T) {
	c := newCluster()
	guard := NewGuard(Kubernetes{c})
	ctx, err := guard.authenticate(withToken(t, "Bearer good"))
	require.NoError(t, err)

	c.down = errors.New("connection refused to https://10.0.0.1")
	_, err = guard.authenticate(withToken(t, "Bearer other"))
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.NotContains(t, err.Error(), "10.0.0.1")
	access := Access{Verb: "get", Resource: "trafficsnapshots/records", Namespace: "shop", Name: "monday"}
	require.Equal(t, codes.Unavailable, status.Code(guard.Check(ctx, access)))

	c.down = nil
	require.NoError(t, guard.Check(ctx, access))
	_, err = guard.authenticate(withToken(t, "Bearer other"))
	require.Equal(t, codes.Unauthenticated, status.Code(err))
}

func TestAccessIsReviewedOnceForAllThatMatters(t *testing.T) {
	c := newCluster()
	guard := NewGuard(Kubernetes{c})
	ctx, err := guard.authenticate(withToken(t, "Bearer good"))
	require.NoError(t, err)
	access := Access{Verb: "get", Resource: "trafficsnapshots/records", Namespace: "shop", Name: "monday"}
	for range 3 {
		require.NoError(t, guard.Check(ctx, access))
	}
	require.Equal(t, []authorizationv1.SubjectAccessReviewSpec{{
		User: "system:serviceaccount:shop:default", UID: "sa-uid", Groups: []string{"system:serviceaccounts"},
		Extra: map[string]authorizationv1.ExtraValue{podNameExtra: {"front-1"}, podUIDExtra: {"uid-1"}},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: "replay.restage.dev", Version: "v1alpha1", Resource: "trafficsnapshots", Subresource: "records",
			Verb: "get", Namespace: "shop", Name: "monday",
		},
	}}, c.accessReviews)

	access.Namespace = "other"
	require.NoError(t, guard.Check(ctx, access))
	access.Verb = "update"
	for range 3 {
		err = guard.Check(ctx, access)
		require.Equal(t, codes.PermissionDenied, status.Code(err))
		require.ErrorContains(t, err, `user "system:serviceaccount:shop:default" cannot update resource "trafficsnapshots/records" in API group "replay.restage.dev" in the namespace "other": because`)
	}
	require.Len(t, c.accessReviews, 3)
}

func TestIdentitiesWithoutAPod(t *testing.T) {
	whole := PodIdentity(Pod{Namespace: "shop", Name: "front-1", UID: "uid-1"}, "default")
	_, err := whole.Pod()
	require.NoError(t, err)
	for name, change := range map[string]func(*Identity){
		"no account":  func(i *Identity) { i.User = "admin" },
		"node":        func(i *Identity) { i.User = "system:node:shop:default" },
		"no name":     func(i *Identity) { i.Extra[podNameExtra] = nil },
		"no uid":      func(i *Identity) { delete(i.Extra, podUIDExtra) },
		"two uids":    func(i *Identity) { i.Extra[podUIDExtra] = []string{"a", "b"} },
		"half a user": func(i *Identity) { i.User = "system:serviceaccount:shop" },
	} {
		identity := PodIdentity(Pod{Namespace: "shop", Name: "front-1", UID: "uid-1"}, "default")
		change(&identity)
		_, err := identity.Pod()
		require.Equal(t, codes.PermissionDenied, status.Code(err), name)
	}
}
