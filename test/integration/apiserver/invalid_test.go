// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
)

// invalidFile is a file of testdata/invalid: manifests of one kind that the server must refuse.
type invalidFile struct {
	Kind, Resource string
	Cases          []invalidCase
}

// invalidCase is one of them. An error must be at Field, and the error must say every one of Want.
type invalidCase struct {
	Name  string
	Field string
	Want  []string

	// Manifest is all but apiVersion and kind; else Metadata, by default a name, and Spec make one.
	Manifest       string
	Metadata, Spec json.RawMessage
	// Before is the spec of an object that exists, so that the case is an update of it, of its status when Status is given.
	Before, Status json.RawMessage
}

func invalidFiles(t *testing.T) []invalidFile {
	t.Helper()
	paths, err := filepath.Glob("testdata/invalid/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files := make([]invalidFile, len(paths))
	for i, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.UnmarshalStrict(data, &files[i]); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	return files
}

// invalidFixtures are what the manifests refer to.
func invalidFixtures(t *testing.T) {
	t.Helper()
	makeReady(t, createSnapshot(t, "ready"),
		v1alpha1.Slice{Key: "front:9898", Direction: v1alpha1.DirectionInbound},
		v1alpha1.Slice{Key: "back:9898", Direction: v1alpha1.DirectionOutbound},
		v1alpha1.Slice{Key: "backup:9898", Direction: v1alpha1.DirectionOutbound})
}

// TestBadManifestsAreRefused sends manifests as kubectl does and wants the path of the field and what is wrong with it.
func TestBadManifestsAreRefused(t *testing.T) {
	invalidFixtures(t)
	for _, file := range invalidFiles(t) {
		for _, test := range file.Cases {
			t.Run(file.Kind+"/"+test.Name, func(t *testing.T) {
				expectError(t, test.send(t, file), test.Field, test.Want...)
			})
		}
	}
}

// expectError wants an error at the field.
func expectError(t *testing.T, err error, field string, want ...string) {
	t.Helper()
	if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
		t.Fatalf("error %v", err)
	}
	fields := causes(err)
	// What cannot be decoded has no causes: its message begins with the field, or names it in quotes.
	if len(fields) == 0 && !strings.Contains(err.Error(), field+": ") && !strings.Contains(err.Error(), `"`+field+`"`) ||
		len(fields) > 0 && !slices.Contains(fields, field) {
		t.Errorf("error %q is at %v, not at %s", err, fields, field)
	}
	for _, words := range want {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("error %q lacks %q", err, words)
		}
	}
}

func causes(err error) (fields []string) {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Details != nil {
		for _, cause := range status.Status().Details.Causes {
			if cause.Field != "" {
				fields = append(fields, cause.Field)
			}
		}
	}
	return fields
}

// send sends the manifest with strict field validation, as a dry run.
func (c invalidCase) send(t *testing.T, file invalidFile) error {
	t.Helper()
	if c.Before == nil {
		return request(server.Client.ReplayV1alpha1().RESTClient().Post(), file.Resource).Body(c.manifest(file.Kind)).Do(t.Context()).Error()
	}
	name := c.existing(t, file)
	put := request(server.Client.ReplayV1alpha1().RESTClient().Put(), file.Resource).Name(name)
	if c.Status != nil {
		put, c.Spec = put.SubResource("status"), c.Before
	}
	return put.Body(c.manifest(file.Kind)).Do(t.Context()).Error()
}

// existing creates the object that the case changes, and sets its metadata.
func (c *invalidCase) existing(t *testing.T, file invalidFile) string {
	t.Helper()
	before := invalidCase{Spec: c.Before, Metadata: json.RawMessage(`{"generateName":"before-"}`)}
	client := server.Client.ReplayV1alpha1().RESTClient()
	data, err := inNamespace(client.Post(), file.Resource).Body(before.manifest(file.Kind)).Do(t.Context()).Raw()
	if err != nil {
		t.Fatalf("creating what is to be changed: %v", err)
	}
	var created metav1.PartialObjectMetadata
	if err := json.Unmarshal(data, &created); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := inNamespace(client.Delete(), file.Resource).Name(created.Name).Do(context.Background()).Error(); err != nil {
			t.Error(err)
		}
	})
	c.Metadata, err = json.Marshal(map[string]string{"name": created.Name, "resourceVersion": created.ResourceVersion})
	if err != nil {
		t.Fatal(err)
	}
	return created.Name
}

func (c invalidCase) manifest(kind string) []byte {
	head := fmt.Sprintf(`{"apiVersion":"%s","kind":"%s",`, v1alpha1.SchemeGroupVersion, kind)
	if c.Manifest != "" {
		return []byte(head + strings.TrimPrefix(c.Manifest, "{"))
	}
	metadata := c.Metadata
	if metadata == nil {
		metadata = json.RawMessage(`{"name":"bad"}`)
	}
	parts := fmt.Sprintf(`"metadata":%s,"spec":%s`, metadata, c.Spec)
	if c.Status != nil {
		parts += fmt.Sprintf(`,"status":%s`, c.Status)
	}
	return []byte(head + parts + "}")
}

func request(r *rest.Request, resource string) *rest.Request {
	return inNamespace(r, resource).VersionedParams(
		&metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}, scheme.ParameterCodec)
}

func inNamespace(r *rest.Request, resource string) *rest.Request {
	r = r.Resource(resource).SetHeader("Content-Type", "application/json")
	if resource != "environmentclasses" {
		r = r.Namespace(namespace)
	}
	return r
}
