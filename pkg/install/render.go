// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"io/fs"
	"path"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/artifacts"
)

// overlay is the folder, among those of artifacts, of what is rendered.
const overlay = "/overlay"

// transformations change rendered objects as the options say; each looks for what it changes and fails when it is not there.
var transformations = []func(Options, objects) error{
	rename, setImages, setPullSecrets, setSettings, adapt, sortVariables,
}

// Render returns the objects of an installation in the order in which they are to be made. The options are completed with defaults
// and validated.
func Render(o Options) ([]*unstructured.Unstructured, error) {
	o = o.Complete()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	all, err := build(o)
	if err != nil {
		return nil, fmt.Errorf("rendering the manifests: %w", err)
	}
	for _, transform := range transformations {
		if err := transform(o, all); err != nil {
			return nil, fmt.Errorf("rendering the manifests: %w", err)
		}
	}
	sortForInstall(all)
	return all, nil
}

// build runs kustomize, in memory, with the components that the options ask for.
func build(o Options) (objects, error) {
	files, err := copyOf(artifacts.Files)
	if err != nil {
		return nil, err
	}
	top := types.Kustomization{Resources: []string{"../default"}}
	if o.HA {
		top.Components = append(top.Components, "../components/ha")
	}
	if len(o.Namespaces) > 0 {
		top.Components = append(top.Components, "../components/namespaced")
	}
	for _, name := range o.Namespaces {
		folder := "../namespaces/" + name
		top.Resources = append(top.Resources, folder)
		if err := writeKustomization(files, path.Join(overlay, folder), types.Kustomization{
			Namespace: name, Resources: []string{"../../namespaced/namespace"},
		}); err != nil {
			return nil, err
		}
	}
	if o.Injection != InjectionWorkload {
		top.Components = append(top.Components, "../components/manual")
	}
	if o.Injection == InjectionWebhook || o.Injection == InjectionPolicy {
		top.Components = append(top.Components, "../components/"+string(o.Injection))
	}
	if o.Monitoring {
		top.Components = append(top.Components, "../components/monitoring")
	}
	if err := writeKustomization(files, overlay, top); err != nil {
		return nil, err
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, overlay)
	if err != nil {
		return nil, err
	}
	var all objects
	for _, resource := range rendered.Resources() {
		data, err := resource.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", resource.CurId(), err)
		}
		object := &unstructured.Unstructured{} // read from JSON it has the types of numbers that clients can copy
		if err := object.UnmarshalJSON(data); err != nil {
			return nil, fmt.Errorf("reading %s: %w", resource.CurId(), err)
		}
		all = append(all, object)
	}
	return all, nil
}

func copyOf(source fs.FS) (filesys.FileSystem, error) {
	files := filesys.MakeFsInMemory()
	err := fs.WalkDir(source, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		return files.WriteFile("/"+name, data)
	})
	return files, err
}

func writeKustomization(files filesys.FileSystem, folder string, kustomization types.Kustomization) error {
	data, err := yaml.Marshal(kustomization)
	if err != nil {
		return err
	}
	return files.WriteFile(path.Join(folder, "kustomization.yaml"), data)
}
