// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package decoding

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"sigs.k8s.io/yaml"
)

// Appliable refuses patches of server-side apply whose values cannot be decoded, with the path of each. They need a check of their
// own, because their handler decodes them without the serializers, and fails only when it has merged them.
type Appliable struct {
	Handler    http.Handler
	Creater    runtime.ObjectCreater
	Serializer runtime.NegotiatedSerializer
	// MaxBytes is the largest body that is looked at; the handler refuses larger ones.
	MaxBytes int64
}

func (a Appliable) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if err := a.check(request); err != nil {
		responsewriters.ErrorNegotiated(err, a.Serializer, metav1.Unversioned, w, request)
		return
	}
	a.Handler.ServeHTTP(w, request)
}

// check leaves the body as it was.
func (a Appliable) check(request *http.Request) error {
	mediaType, _, err := mime.ParseMediaType(request.Header.Get("Content-Type"))
	if request.Method != http.MethodPatch || err != nil || mediaType != string(types.ApplyYAMLPatchType) {
		return nil
	}
	patch, err := io.ReadAll(io.LimitReader(request.Body, a.MaxBytes+1))
	request.Body = body{io.MultiReader(bytes.NewReader(patch), request.Body), request.Body}
	if err != nil {
		return apierrors.NewBadRequest("reading the patch: " + err.Error())
	}
	if int64(len(patch)) > a.MaxBytes {
		return nil
	}
	text, err := yaml.YAMLToJSON(patch)
	if err != nil {
		return nil // the handler says what is wrong with the YAML
	}
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return nil
	}
	object, err := a.Creater.New(kind.GroupVersionKind())
	if err != nil {
		return nil
	}
	if errs := mistakes(text, reflect.TypeOf(object)); len(errs) > 0 {
		return apierrors.NewBadRequest(kind.Kind + " cannot be applied: " + errs.ToAggregate().Error())
	}
	return nil
}

// body is read from one place and closed in another.
type body struct {
	io.Reader
	io.Closer
}
