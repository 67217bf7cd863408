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
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/admission/plugin/referencevalidation"
	internal "github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/install"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	clientscheme "github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
)

// refused begins the message of every refusal.
const refused = "refused by the webhook: "

func isRefusal(err error) bool { return strings.Contains(err.Error(), refused) }

// webhook makes of our plugin what somebody with a CRD would have to run.
type webhook struct {
	plugin  *referencevalidation.Plugin
	decoder runtime.Decoder
}

// serveWebhook serves until the context ends. It reads what custom resources refer to from the custom resources.
func serveWebhook(ctx context.Context, kubeconfig, address, certFile, keyFile string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1
	host, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	client, err := twinClient(config)
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	w := &webhook{
		plugin:  referencevalidation.New(),
		decoder: serializer.NewCodecFactory(scheme).UniversalDecoder(internal.SchemeGroupVersion),
	}
	w.plugin.SetReplayClient(client)
	w.plugin.SetHostClient(host)
	w.plugin.SetProxyImage("restage/proxy")
	server := &http.Server{Addr: address, Handler: w, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	return server.ListenAndServeTLS(certFile, keyFile)
}

// twinClient is our typed client, which takes the custom resources for our own.
func twinClient(config *rest.Config) (versioned.Interface, error) {
	clientscheme.Scheme.AddKnownTypes(twin.groupVersion(), &v1alpha1.TrafficSnapshot{}, &v1alpha1.ReplayProfile{},
		&v1alpha1.EnvironmentClass{}, &v1alpha1.EnvironmentClassList{})
	config = rest.CopyConfig(config)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(request *http.Request) (*http.Response, error) {
			request = request.Clone(request.Context())
			request.URL.Path = strings.Replace(request.URL.Path, ours.group, twin.group, 1)
			return next.RoundTrip(request)
		})
	})
	return versioned.NewForConfig(config)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

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
		&metav1.CreateOptions{}, false, &user.DefaultInfo{Name: request.UserInfo.Username})
	return w.plugin.Validate(ctx, attributes, nil)
}
