// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package forwarder serves subresources whose content restage-forwarder keeps.
package forwarder

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/munnerz/goautoneg"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
)

// Timeout bounds a request: kube-apiserver cuts it at 60 s, which would look like the end of the content.
const Timeout = 55 * time.Second

// Subject is what content is asked for; it goes into errors.
type Subject struct {
	Resource schema.GroupResource
	Name     string
	// Missing is said when the forwarder has nothing for it.
	Missing string
}

// Error turns an error of the forwarder into one of the API.
func (s Subject) Error(err error) error {
	message := status.Convert(err).Message()
	switch status.Code(err) {
	case codes.NotFound:
		notFound := apierrors.NewNotFound(s.Resource, s.Name)
		notFound.ErrStatus.Message = s.Missing
		return notFound
	case codes.InvalidArgument:
		return apierrors.NewBadRequest(message)
	case codes.FailedPrecondition:
		return apierrors.NewConflict(s.Resource, s.Name, fmt.Errorf("%s", message))
	case codes.ResourceExhausted:
		return apierrors.NewRequestEntityTooLargeError(message)
	case codes.DeadlineExceeded:
		return apierrors.NewTimeoutError(fmt.Sprintf("the forwarder did not answer within %v", Timeout), 0)
	case codes.Unavailable, codes.Unauthenticated, codes.PermissionDenied:
		return apierrors.NewServiceUnavailable("the forwarder cannot be reached: " + message)
	default:
		return apierrors.NewInternalError(fmt.Errorf("asking the forwarder: %w", err))
	}
}

// Negotiate returns which of the media types the client wants most, the first one when it does not say. The error, 406,
// names them all.
func Negotiate(request *http.Request, offered ...string) (string, error) {
	accept := request.Header.Get("Accept")
	if accept == "" {
		return offered[0], nil
	}
	if chosen := goautoneg.Negotiate(accept, offered); chosen != "" {
		return chosen, nil
	}
	return "", negotiation.NewNotAcceptableError(offered)
}

// Write answers with a body that is there as a whole, so that no client takes a part for it.
func Write(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // who does not listen any more needs no answer
}
