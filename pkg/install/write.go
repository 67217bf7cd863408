// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/yaml"
)

// Write writes objects as the documents of one YAML stream.
func Write(w io.Writer, all []*unstructured.Unstructured) error {
	var buffer bytes.Buffer
	for i, object := range all {
		if i > 0 {
			buffer.WriteString("---\n")
		}
		data, err := yaml.Marshal(object.Object)
		if err != nil {
			return fmt.Errorf("writing %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		buffer.Write(data)
	}
	_, err := w.Write(buffer.Bytes())
	return err
}

// WriteKustomization writes objects into a folder, a file each, with a kustomization.yaml that lists them in order. The folder is made;
// it must not hold files that are not written anew, which kubectl apply -f would take along.
func WriteKustomization(folder string, all []*unstructured.Unstructured) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("making the folder of the manifests: %w", err)
	}
	kustomization := types.Kustomization{TypeMeta: types.TypeMeta{APIVersion: types.KustomizationVersion, Kind: types.KustomizationKind}}
	files := map[string][]byte{}
	for _, object := range all {
		name := fileName(object)
		data, err := yaml.Marshal(object.Object)
		if err != nil {
			return fmt.Errorf("writing %s %s: %w", object.GetKind(), object.GetName(), err)
		}
		kustomization.Resources = append(kustomization.Resources, name)
		files[name] = data
	}
	data, err := yaml.Marshal(kustomization)
	if err != nil {
		return fmt.Errorf("writing the kustomization: %w", err)
	}
	files["kustomization.yaml"] = data
	if err := refuseOthers(folder, files); err != nil {
		return err
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o644); err != nil {
			return fmt.Errorf("writing the manifests: %w", err)
		}
	}
	return nil
}

// fileName tells objects of one kind and name in several namespaces apart.
func fileName(object *unstructured.Unstructured) string {
	name := strings.ToLower(object.GetKind()) + "-" + strings.ReplaceAll(object.GetName(), ":", "-")
	if kind := object.GetKind(); kind == "Role" || kind == "RoleBinding" {
		name += "-" + object.GetNamespace()
	}
	return name + ".yaml"
}

func refuseOthers(folder string, files map[string][]byte) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("reading the folder of the manifests: %w", err)
	}
	for _, entry := range entries {
		if _, ours := files[entry.Name()]; !ours {
			return fmt.Errorf("%s holds %s, which is not of this installation: choose an empty folder", folder, entry.Name())
		}
	}
	return nil
}
