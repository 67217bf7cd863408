// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// maxReview bounds a review: a pod is at most as large as a request to etcd, 1.5 MiB, and stands in it once.
	maxReview = 3 << 20
	// outcomeKey is of an annotation in kube-apiserver's audit log, where the name of the webhook precedes it.
	outcomeKey = "outcome"
	reasonKey  = "reason"
)

// Handler answers reviews, and hands everything else on. It stands behind the filters that tell callers apart and ask what they may do.
type Handler struct {
	Next       http.Handler
	Injector   *Injector
	Serializer runtime.NegotiatedSerializer
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != wiring.PodInjectionsPath {
		h.Next.ServeHTTP(w, r)
		return
	}
	review, err := h.review(w, r)
	if err != nil {
		responsewriters.ErrorNegotiated(err, h.Serializer, schema.GroupVersion{}, w, r)
		return
	}
	responsewriters.WriteRawJSON(http.StatusOK, review, w)
}

// review reads a review and answers it. Errors are of the caller: kube-apiserver makes none, and would let the pod in for them.
func (h *Handler) review(w http.ResponseWriter, r *http.Request) (*admissionv1.AdmissionReview, error) {
	resource := schema.GroupResource{Group: v1alpha1.GroupName, Resource: wiring.PodInjections}
	if r.Method != http.MethodPost {
		return nil, apierrors.NewMethodNotSupported(resource, r.Method)
	}
	if caller, ok := request.UserFrom(r.Context()); !ok || !isKubeAPIServer(caller) {
		return nil, apierrors.NewForbidden(resource, "", errors.New("kube-apiserver alone may ask what is added to pods"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReview))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("an AdmissionReview may have %d bytes", maxReview))
	}
	if err != nil {
		return nil, apierrors.NewBadRequest("reading the AdmissionReview: " + err.Error())
	}
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, apierrors.NewBadRequest("reading the AdmissionReview: " + err.Error())
	}
	if review.GroupVersionKind() != admissionv1.SchemeGroupVersion.WithKind("AdmissionReview") || review.Request == nil {
		return nil, apierrors.NewBadRequest("the body must be an AdmissionReview of admission.k8s.io/v1 with a request")
	}
	return &admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: h.respond(r.Context(), review.Request)}, nil
}

// isKubeAPIServer tells whether a request is one that kube-apiserver makes of its own accord. It calls itself, as the user that its
// loopback client is, and hands that on to us.
func isKubeAPIServer(caller user.Info) bool {
	return caller.GetName() == user.APIServerUser && slices.Contains(caller.GetGroups(), user.SystemPrivilegedGroup)
}

// respond lets every pod in.
func (h *Handler) respond(ctx context.Context, asked *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	a, err := h.answer(ctx, asked)
	if err != nil {
		klog.FromContext(ctx).Error(err, "A pod was let in without having been looked at", "namespace", asked.Namespace, "pod", asked.Name)
		a = answer{outcome: failed, said: "the pod is not recorded, since Restage failed: " + err.Error()}
	}
	reviewed.WithLabelValues(string(a.outcome)).Inc()
	response := &admissionv1.AdmissionResponse{
		UID: asked.UID, Allowed: true, AuditAnnotations: map[string]string{outcomeKey: string(a.outcome)},
	}
	audit.AddAuditAnnotation(ctx, v1alpha1.GroupName+"/pod-injection", string(a.outcome))
	if a.said != "" {
		response.Warnings = []string{a.said}
		response.AuditAnnotations[reasonKey] = a.said
	}
	if a.patch != nil {
		jsonPatch := admissionv1.PatchTypeJSONPatch
		response.Patch, response.PatchType = a.patch, &jsonPatch
	}
	return response
}

func (h *Handler) answer(ctx context.Context, asked *admissionv1.AdmissionRequest) (answer, error) {
	pods := metav1.GroupVersionResource{Version: "v1", Resource: "pods"}
	if asked.Resource != pods || asked.SubResource != "" || asked.Operation != admissionv1.Create {
		return answer{outcome: untouched}, nil
	}
	pod := &corev1.Pod{}
	if err := json.Unmarshal(asked.Object.Raw, pod); err != nil {
		return answer{}, fmt.Errorf("reading the pod: %w", err)
	}
	return h.Injector.inject(ctx, asked.Namespace, pod)
}
