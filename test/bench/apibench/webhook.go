// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/admission/memo"
	internal "github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/install"
)

// refused begins the message of every refusal.
const refused = "refused by the webhook: "

func isRefusal(err error) bool { return strings.Contains(err.Error(), refused) }

// plugins are ours that look at new replays, in their order.
type plugins []admission.ValidationInterface

// webhook makes of our plugins what somebody with a CRD would have to run.
type webhook struct {
	plugins plugins
	decoder runtime.Decoder
}

// serveWebhook serves until the context ends. It reads what custom resources refer to from the custom resources, and like our server
// from caches.
func serveWebhook(ctx context.Context, kubeconfig, address, certFile, keyFile string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	plugins, err := startPlugins(ctx, config)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	w := &webhook{plugins: plugins, decoder: serializer.NewCodecFactory(scheme).UniversalDecoder(internal.SchemeGroupVersion)}
	server := &http.Server{Addr: address, Handler: memo.Handler(w), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	return server.ListenAndServeTLS(certFile, keyFile)
}

func (w *webhook) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(request.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(response, fmt.Sprintf("not an AdmissionReview: %v", err), http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
	if err := w.check(request.Context(), review.Request); err != nil {
		review.Response.Allowed = false
		review.Response.Result = &metav1.Status{Message: refused + err.Error(), Code: http.StatusForbidden}
		if status, ok := err.(apierrors.APIStatus); ok { //nolint:errorlint // the plugin returns it as it is
			review.Response.Result.Code = status.Status().Code
		}
	}
	review.Request = nil
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(review) // the server that asked has gone
}

func (w *webhook) check(ctx context.Context, request *admissionv1.AdmissionRequest) error {
	raw := bytes.Replace(request.Object.Raw, []byte(twin.groupVersion().String()), []byte(ours.groupVersion().String()), 1)
	object, err := runtime.Decode(w.decoder, raw)
	if err != nil {
		return fmt.Errorf("reading the object: %w", err)
	}
	kind := schema.GroupVersionKind{Group: ours.group, Version: version, Kind: request.Kind.Kind}
	resource := ours.groupVersion().WithResource(request.Resource.Resource)
	attributes := admission.NewAttributesRecord(object, nil, kind, request.Namespace, request.Name, resource, "", admission.Create,
		&metav1.CreateOptions{}, false, &user.DefaultInfo{Name: request.UserInfo.Username, Groups: request.UserInfo.Groups})
	for _, plugin := range w.plugins {
		if err := plugin.Validate(ctx, attributes, nil); err != nil {
			return err
		}
	}
	return nil
}
