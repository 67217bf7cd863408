// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package auth finds out who calls the forwarder and what the caller may do, by asking the Kubernetes API server.
package auth

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	replay "github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Extra fields of a user who showed a service account token that is bound to a pod.
const (
	podNameExtra = "authentication.kubernetes.io/pod-name"
	podUIDExtra  = "authentication.kubernetes.io/pod-uid"
)

const serviceAccountPrefix = "system:serviceaccount:"

// Identity is an authenticated user.
type Identity struct {
	User   string
	UID    string
	Groups []string
	Extra  map[string][]string
}

// Pod is the pod that a token is bound to.
type Pod struct {
	Namespace string
	Name      string
	UID       string
}

// PodIdentity returns the identity of a token bound to a pod, as the API server would tell it.
func PodIdentity(pod Pod, serviceAccount string) Identity {
	return Identity{
		User:   serviceAccountPrefix + pod.Namespace + ":" + serviceAccount,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + pod.Namespace, "system:authenticated"},
		Extra:  map[string][]string{podNameExtra: {pod.Name}, podUIDExtra: {pod.UID}},
	}
}

// Pod returns the pod that the caller's token is bound to; the error is a PermissionDenied status when there is none.
func (i *Identity) Pod() (Pod, error) {
	account, isAccount := strings.CutPrefix(i.User, serviceAccountPrefix)
	namespace, _, hasName := strings.Cut(account, ":")
	pod := Pod{Namespace: namespace, Name: single(i.Extra[podNameExtra]), UID: single(i.Extra[podUIDExtra])}
	if !isAccount || !hasName || pod.Namespace == "" || pod.Name == "" || pod.UID == "" {
		return Pod{}, status.Errorf(codes.PermissionDenied,
			"user %q: only a service account token that is bound to a pod may push records", i.User)
	}
	return pod, nil
}

func single(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// Access is something that a caller wants to do to an object of the group replay.restage.dev.
type Access struct {
	Verb      string
	Resource  string // with its subresource: trafficsnapshots/records
	Namespace string
	Name      string
}

func (a Access) String() string {
	return fmt.Sprintf("%s resource %q in API group %q in the namespace %q", a.Verb, a.Resource, replay.GroupName, a.Namespace)
}

// Reviewer knows the users and their rights.
type Reviewer interface {
	// ReviewToken tells whose token it is. ok is false when it is nobody's; err says that it could not be found out.
	ReviewToken(ctx context.Context, token string) (identity Identity, ok bool, err error)
	// ReviewAccess tells whether the user may; reason may say why not. err says that it could not be found out.
	ReviewAccess(ctx context.Context, user Identity, access Access) (allowed bool, reason string, err error)
}
