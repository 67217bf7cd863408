// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package forwarder serves subresources whose content restage-forwarder keeps.
package forwarder

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/klog/v2"
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

// Serve answers with what fill writes. An error before the first byte becomes the answer; after it the
// connection is cut off, so that no client takes a part for the whole.
func Serve(ctx context.Context, w http.ResponseWriter, responder rest.Responder, subject Subject, contentType string,
	fill func(ctx context.Context, w io.Writer) error,
) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	body := &lateWriter{ResponseWriter: w, contentType: contentType}
	err := fill(ctx, body)
	switch {
	case err == nil:
		body.begin()
	case !body.begun:
		responder.Error(subject.statusError(err))
	default:
		klog.FromContext(ctx).Error(err, "Serving content of the forwarder broke off",
			"resource", subject.Resource.String(), "name", subject.Name)
		panic(http.ErrAbortHandler)
	}
}

// statusError turns an error of the forwarder into one of the API.
func (s Subject) statusError(err error) error {
	message := status.Convert(err).Message()
	switch status.Code(err) {
	case codes.NotFound:
		notFound := apierrors.NewNotFound(s.Resource, s.Name)
		notFound.ErrStatus.Message = s.Missing
		return notFound
	case codes.DeadlineExceeded:
		return apierrors.NewTimeoutError(fmt.Sprintf("the forwarder did not answer within %v", Timeout), 0)
	case codes.Unavailable, codes.Unauthenticated, codes.PermissionDenied:
		return apierrors.NewServiceUnavailable("the forwarder cannot be read: " + message)
	default:
		return apierrors.NewInternalError(fmt.Errorf("reading from the forwarder: %w", err))
	}
}

// lateWriter sends the header with the first byte.
type lateWriter struct {
	http.ResponseWriter
	contentType string
	begun       bool
}

func (w *lateWriter) begin() {
	if !w.begun {
		w.begun = true
		w.Header().Set("Content-Type", w.contentType)
		w.WriteHeader(http.StatusOK)
	}
}

func (w *lateWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}
