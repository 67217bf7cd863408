// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"regexp"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

var uidForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}$`)

// CheckObject checks what an object is called, and that the caller may do that to it. The names become parts of keys in
// storage. field is the name of the field that holds the object, "" when it is the whole request.
func (g *Guard) CheckObject(ctx context.Context, verb, resource, field string, object *trafficpb.ObjectRef) error {
	prefix := ""
	if field != "" {
		prefix = field + "."
	}
	if err := ValidNamespace(prefix+"namespace", object.GetNamespace()); err != nil {
		return err
	}
	if err := ValidName(prefix+"name", object.GetName()); err != nil {
		return err
	}
	if !uidForm.MatchString(object.GetUid()) {
		return status.Errorf(codes.InvalidArgument, "%suid: %q is not the uid of an object: letters, digits and '-', at most 64", prefix, object.GetUid())
	}
	return g.Check(ctx, Access{Verb: verb, Resource: resource, Namespace: object.GetNamespace(), Name: object.GetName()})
}

// ValidNamespace returns an InvalidArgument status when the value cannot be the name of a namespace.
func ValidNamespace(field, value string) error {
	return invalid(field, value, validation.IsDNS1123Label(value))
}

// ValidName returns an InvalidArgument status when the value cannot be the name of an object.
func ValidName(field, value string) error {
	return invalid(field, value, validation.IsDNS1123Subdomain(value))
}

func invalid(field, value string, problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "%s: %q: %s", field, value, strings.Join(problems, "; "))
}
