// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/kube-openapi/pkg/common"

	"github.com/restage-dev/restage/pkg/apis/replay/install"
	"github.com/restage-dev/restage/pkg/apiserver/decoding"
	"github.com/restage-dev/restage/pkg/generated/openapi"
	"github.com/restage-dev/restage/pkg/release"
)

// API is what a server serves.
type API struct {
	// Scheme knows the types in all their versions.
	Scheme *runtime.Scheme
	// Definitions describes them in OpenAPI.
	Definitions common.GetOpenAPIDefinitions
	// Release is the release that the server is of.
	Release string
}

// restageAPI is the API of this release.
func restageAPI() API {
	return API{Scheme: NewScheme(install.Versions()...), Definitions: openapi.GetOpenAPIDefinitions, Release: release.Release}
}

// NewScheme returns a scheme with versions of our API and what every API server answers with.
func NewScheme(versions ...install.Version) *runtime.Scheme {
	scheme := runtime.NewScheme()
	install.InstallVersions(scheme, versions...)
	v1 := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, v1)
	scheme.AddUnversionedTypes(v1, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return scheme
}

// textSerializer offers JSON and YAML only, with errors that name the field at fault. Our types have no protobuf form: were it
// offered, the namespace controller would ask for it, fail, and leave every namespace of the cluster in Terminating.
type textSerializer struct {
	serializer.CodecFactory
	mediaTypes []runtime.SerializerInfo
}

func newTextSerializer(scheme *runtime.Scheme, codecs serializer.CodecFactory) textSerializer {
	s := textSerializer{CodecFactory: codecs}
	for _, info := range codecs.SupportedMediaTypes() {
		if info.MediaType == runtime.ContentTypeJSON || info.MediaType == runtime.ContentTypeYAML {
			s.mediaTypes = append(s.mediaTypes, decoding.Locating(info, scheme))
		}
	}
	return s
}

func (s textSerializer) SupportedMediaTypes() []runtime.SerializerInfo { return s.mediaTypes }
