// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/restage-dev/restage/pkg/install"
)

const (
	asYAML      = "yaml"
	asJSON      = "json"
	asKustomize = "kustomize"
)

var formats = []string{asYAML, asJSON, asKustomize}

// output is where manifests go and how.
type output struct {
	format, folder string
}

func (o *output) addFlags(flags *pflag.FlagSet) {
	flags.StringVarP(&o.format, "output", "o", "", "Output format: yaml, json (one List), or kustomize, which needs --output-dir. The default is yaml, with --output-dir kustomize.")
	flags.StringVar(&o.folder, "output-dir", "", "Folder, new or empty or written by the same command, that takes a file for each object and a kustomization.yaml.")
}

func (o *output) write(out io.Writer, objects []*unstructured.Unstructured) error {
	format := o.format
	if format == "" {
		format = asYAML
		if o.folder != "" {
			format = asKustomize
		}
	}
	switch {
	case !slices.Contains(formats, format):
		return fmt.Errorf("--output: %q: must be one of %s", o.format, strings.Join(formats, ", "))
	case format == asKustomize && o.folder == "":
		return fmt.Errorf("--output: %q: needs --output-dir: a kustomization is a folder of files", o.format)
	case format != asKustomize && o.folder != "":
		return fmt.Errorf("--output: %q: must be %s with --output-dir", o.format, asKustomize)
	case format == asKustomize:
		return install.WriteKustomization(o.folder, objects)
	case format == asJSON:
		return writeJSON(out, objects)
	default:
		return install.Write(out, objects)
	}
}

// writeJSON writes a List, which is what kubectl takes several objects in.
func writeJSON(out io.Writer, objects []*unstructured.Unstructured) error {
	list := &unstructured.UnstructuredList{Object: map[string]any{"apiVersion": "v1", "kind": "List"}}
	for _, object := range objects {
		list.Items = append(list.Items, *object)
	}
	return (&printers.JSONPrinter{}).PrintObj(list, out)
}
