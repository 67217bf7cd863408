// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package decoding makes the errors of decoders name the field that is at fault. Those of the JSON package name none when a
// type decodes itself, as durations, quantities and times do: all that a user would see is `invalid duration "soon"`.
package decoding

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"
)

// Locating returns the serializers of a media type with decoders whose errors name the path of each field that is at fault.
func Locating(info runtime.SerializerInfo, creater runtime.ObjectCreater) runtime.SerializerInfo {
	info.Serializer = locating{info.Serializer, creater}
	info.StrictSerializer = locating{info.StrictSerializer, creater}
	return info
}

type locating struct {
	runtime.Serializer
	creater runtime.ObjectCreater
}

// Decode looks for the fields at fault only when decoding has failed, so what is well formed costs nothing more.
func (s locating) Decode(data []byte, defaults *schema.GroupVersionKind, into runtime.Object) (runtime.Object, *schema.GroupVersionKind, error) {
	obj, kind, err := s.Serializer.Decode(data, defaults, into)
	if err != nil && kind != nil && !runtime.IsStrictDecodingError(err) {
		if located := s.locate(data, *kind); located != nil {
			err = located
		}
	}
	return obj, kind, err
}

// locate returns nil when the error is not one of a field.
func (s locating) locate(data []byte, kind schema.GroupVersionKind) error {
	obj, err := s.creater.New(kind)
	if err != nil {
		return nil
	}
	// JSON is YAML too.
	text, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil
	}
	return mistakes(text, reflect.TypeOf(obj)).ToAggregate()
}
