// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package manifest puts the recording proxy into workloads that stand in YAML, and takes it out again. What it puts in is what the operator
// adds to the same workload. Comments and the order of fields stay, and documents without a workload stay as they are to the byte.
package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/kustomize/kyaml/yaml"

	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Options say what is put into workloads.
type Options struct {
	// Forwarder is the host:port that takes the records.
	Forwarder string
	// Image of the proxy.
	Image string
	// ImagePullPolicy of the proxy.
	ImagePullPolicy corev1.PullPolicy
	// ImagePullSecrets are added to those of the pods.
	ImagePullSecrets []string
}

// Patch is what is added to the pods of the workload of that name, as its annotations ask for. The error names the annotation that cannot be followed.
func (o Options) Patch(name string, annotations map[string]string, pods corev1.PodSpec) (injection.Patch, error) {
	spec, err := capturespec.FromAnnotations(annotations)
	if err != nil {
		return injection.Patch{}, err
	}
	tls := capturespec.TLS(spec.TLS)
	if tls.Outbound {
		return injection.Patch{}, errors.New("annotation capture.restage.dev/tls-outbound: \"Intercept\" needs variables and mounts in every container of the workload, " +
			"which only the operator adds; let it inject this workload, or use PassThrough")
	}
	return injection.Capture(injection.CaptureOptions{
		TLS: tls, Template: corev1.PodTemplateSpec{Spec: pods},
		Settings:  capturespec.Settings(name, spec, injection.DeclaredPorts(pods)),
		Forwarder: o.Forwarder, Image: o.Image, ImagePullPolicy: o.ImagePullPolicy, ImagePullSecrets: o.ImagePullSecrets,
	}), nil
}

// missingSecrets are the pull secrets that the pods of a workload do not have themselves.
func (o Options) missingSecrets(pods corev1.PodSpec) (missing []corev1.LocalObjectReference) {
	for _, name := range o.ImagePullSecrets {
		reference := corev1.LocalObjectReference{Name: name}
		if !slices.Contains(pods.ImagePullSecrets, reference) {
			missing = append(missing, reference)
		}
	}
	return missing
}

// IsInjected tells whether pods have the proxy, whoever put it in.
func IsInjected(pods corev1.PodSpec) bool {
	return slices.ContainsFunc(pods.InitContainers, func(c corev1.Container) bool { return c.Name == wiring.ProxyContainerName })
}

// Result is what has become of a stream of documents.
type Result struct {
	YAML []byte
	// Changed are the workloads that were changed.
	Changed []string
	// Bared are those of Changed that had no pull secrets of their own: now they have, those of their service account no longer count.
	Bared []string
}

// Inject puts the proxy into every workload. One that has it already gets it anew. The error names the workload and the field because of which it cannot be
// recorded.
func Inject(data []byte, o Options) (*Result, error) {
	return edit(data, func(w *workload) (bool, error) {
		w.remove()
		return true, w.inject(o)
	})
}

// Uninject takes the proxy out of every workload.
func Uninject(data []byte) (*Result, error) {
	return edit(data, func(w *workload) (bool, error) { return w.remove(), nil })
}

// edit changes the workloads of a stream.
func edit(data []byte, change func(*workload) (bool, error)) (*Result, error) {
	result := &Result{}
	var out strings.Builder
	for i, part := range split(string(data)) {
		text, err := result.document(part.text, change)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", i+1, err)
		}
		out.WriteString(part.separator)
		out.WriteString(text)
	}
	result.YAML = []byte(out.String())
	return result, nil
}

// document changes one document, and returns it as it was when there is nothing to change.
func (r *Result) document(text string, change func(*workload) (bool, error)) (string, error) {
	if strings.TrimSpace(text) == "" {
		return text, nil
	}
	root, err := yaml.Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading YAML: %w", err)
	}
	changed := false
	for _, object := range objects(root) {
		w := newWorkload(object)
		if w == nil {
			continue
		}
		done, err := change(w)
		if err != nil {
			return "", fmt.Errorf("%s: %w", w, err)
		}
		if done {
			changed = true
			r.Changed = append(r.Changed, w.String())
		}
		if w.bared {
			r.Bared = append(r.Bared, w.String())
		}
	}
	if !changed {
		return text, nil
	}
	return encode(root, text)
}

// objects are those of a document: itself, or the items of a List.
func objects(root *yaml.RNode) []*yaml.RNode {
	if yaml.IsMissingOrNull(root) || root.YNode().Kind != yaml.MappingNode {
		return nil
	}
	if !strings.HasSuffix(root.GetKind(), "List") {
		return []*yaml.RNode{root}
	}
	items := root.Field("items")
	if items == nil {
		return nil
	}
	elements, err := items.Value.Elements()
	if err != nil { // not a list of objects
		return nil
	}
	return elements
}

// encode writes a document in the style that it had.
func encode(root *yaml.RNode, was string) (string, error) {
	if strings.HasPrefix(strings.TrimSpace(was), "{") {
		asJSON(root.YNode())
	}
	style := yaml.SequenceIndentStyle(yaml.DeriveSeqIndentStyle(was))
	data, err := yaml.MarshalWithOptions(root.YNode(), &yaml.EncoderOptions{SeqIndent: style})
	if err != nil {
		return "", fmt.Errorf("writing YAML: %w", err)
	}
	return string(data), nil
}

// asJSON has a document written as JSON, which it was.
func asJSON(node *yaml.Node) {
	switch {
	case node.Kind == yaml.MappingNode || node.Kind == yaml.SequenceNode:
		node.Style = yaml.FlowStyle
	case node.Kind == yaml.ScalarNode && node.Tag == yaml.NodeTagString:
		node.Style = yaml.DoubleQuotedStyle
	}
	for i, child := range node.Content {
		asJSON(child)
		if node.Kind == yaml.MappingNode && i%2 == 0 { // a name, which has no tag when it is new
			child.Style = yaml.DoubleQuotedStyle
		}
	}
}
