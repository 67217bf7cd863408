// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	replayscheme "github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
)

const artifacts = "../../artifacts"

// manifests decodes every object below artifacts, and refuses unknown fields.
func manifests(t *testing.T) map[string][]runtime.Object {
	t.Helper()
	known := runtime.NewScheme()
	if err := errors.Join(scheme.AddToScheme(known), replayscheme.AddToScheme(known)); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	found := map[string][]runtime.Object{}
	err := filepath.WalkDir(artifacts, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && path == filepath.Join(artifacts, "chart") {
			return fs.SkipDir // templates, which test/chart renders
		}
		if err == nil && entry.Name() == "monitoring" {
			return filepath.SkipDir // kinds of the Prometheus operator, which pkg/install looks at
		}
		if err == nil && path == filepath.Join(artifacts, "safeguards") {
			return fs.SkipDir // parts of policies, which pkg/controller/safeguards puts together
		}
		if err != nil || entry.IsDir() || strings.HasPrefix(filepath.Base(path), "kustomiz") || filepath.Ext(path) != ".yaml" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			object, _, err := decoder.Decode(document, nil, nil)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			found[filepath.Base(path)] = append(found[filepath.Base(path)], object)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestManifestsAreValid(t *testing.T) {
	found := manifests(t)
	for _, name := range []string{"apiserver.yaml", "controller.yaml", "rbac-users.yaml", "capture.yaml", "snapshot.yaml", "replay.yaml", "environment.yaml"} {
		if len(found[name]) == 0 {
			t.Errorf("%s holds no object", name)
		}
	}
}

func TestControllerKnowsItsFlags(t *testing.T) {
	var deployment *appsv1.Deployment
	for _, object := range manifests(t)["controller.yaml"] {
		if d, ok := object.(*appsv1.Deployment); ok {
			deployment = d
		}
	}
	if deployment == nil {
		t.Fatal("there is no Deployment")
	}
	var replacements []string
	c := deployment.Spec.Template.Spec.Containers[0]
	for _, variable := range c.Env {
		replacements = append(replacements, "$("+variable.Name+")", variable.Value)
	}
	var args []string
	for _, arg := range c.Args {
		args = append(args, strings.NewReplacer(replacements...).Replace(arg))
	}
	t.Setenv("POD_NAMESPACE", ours)
	var options Options
	flags := pflag.NewFlagSet("restage-controller", pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := options.complete(); err != nil {
		t.Fatal(err)
	}
}
