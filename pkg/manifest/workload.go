// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	jsonyaml "sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// recordable is the kind that the operator records.
const recordable = "Deployment"

// withPods are the kinds that have pods, by API group.
var withPods = map[string]string{
	"Deployment": "apps", "StatefulSet": "apps", "DaemonSet": "apps", "ReplicaSet": "apps", "Job": "batch", "CronJob": "batch", "Pod": "", "ReplicationController": "",
}

// Words in the annotation that lists what Inject made besides the proxy's containers and volume.
const (
	madeAnnotations = "annotations" // of the workload
	madeEnabled     = "enabled"     // the annotation that has it recorded
	madeSecret      = "secret="     // an entry of imagePullSecrets
)

// appliedAnnotation is what the operator writes into the template of a workload that it changes itself.
const appliedAnnotation = "capture.restage.dev/applied"

// lists of a pod spec that Inject adds to.
var lists = []string{"initContainers", "volumes", "imagePullSecrets"}

// workload is an object with pods.
type workload struct {
	node *yaml.RNode
	kind string
	// bared tells that it has pull secrets now and had none.
	bared bool
}

// newWorkload returns nil for an object without pods.
func newWorkload(object *yaml.RNode) (*workload, error) {
	group, pods := withPods[object.GetKind()]
	apiGroup, _, qualified := strings.Cut(object.GetApiVersion(), "/")
	if !qualified {
		apiGroup = ""
	}
	if !pods || apiGroup != group {
		return nil, nil
	}
	return &workload{node: object, kind: object.GetKind()}, nil
}

func (w *workload) String() string {
	name := strings.ToLower(w.kind)
	if group := withPods[w.kind]; group != "" {
		name += "." + group
	}
	return name + "/" + w.node.GetName()
}

// inject adds the proxy to a workload that has none.
func (w *workload) inject(o Options) error {
	deployment, err := w.decode()
	if err != nil {
		return err
	}
	if value, ok := deployment.Annotations[v1alpha1.AnnotationCaptureEnabled]; ok && value != "true" {
		return fmt.Errorf("metadata.annotations[%s]: is %q, so that the workload is not to be recorded; remove it or make it \"true\"", v1alpha1.AnnotationCaptureEnabled, value)
	}
	if err := injection.RefuseCapture(deployment.Spec.Template.Spec); err != nil {
		return err
	}
	patch, err := o.Patch(deployment)
	if err != nil {
		return err
	}
	var made []string
	add := func(list string, entries any) error {
		isNew, err := w.append(list, entries)
		if isNew {
			made = append(made, list)
		}
		return err
	}
	if err := add("initContainers", patch.InitContainers); err != nil {
		return err
	}
	if err := add("volumes", patch.Volumes); err != nil {
		return err
	}
	secrets := o.missingSecrets(deployment)
	for _, secret := range secrets {
		made = append(made, madeSecret+secret.Name)
	}
	if len(secrets) > 0 {
		w.bared = len(deployment.Spec.Template.Spec.ImagePullSecrets) == 0
		if err := add("imagePullSecrets", secrets); err != nil {
			return err
		}
	}
	return w.mark(deployment, made)
}

// mark has the workload recorded and writes down what was made.
func (w *workload) mark(deployment *appsv1.Deployment, made []string) error {
	var annotations []yaml.Filter
	if metadata := w.node.Field("metadata"); metadata == nil || metadata.Value.Field("annotations") == nil {
		made = append(made, madeAnnotations)
	}
	if _, ok := deployment.Annotations[v1alpha1.AnnotationCaptureEnabled]; !ok {
		made = append(made, madeEnabled)
		annotations = append(annotations, setAnnotation(v1alpha1.AnnotationCaptureEnabled, "true"))
	}
	annotations = append(annotations, setAnnotation(v1alpha1.AnnotationCaptureInjected, strings.Join(made, ",")))
	for _, annotation := range annotations {
		if _, err := w.node.Pipe(yaml.LookupCreate(yaml.MappingNode, "metadata", "annotations"), annotation); err != nil {
			return err
		}
	}
	return nil
}

func setAnnotation(name, value string) yaml.Filter {
	node := yaml.NewStringRNode(value)
	node.YNode().Style = yaml.DoubleQuotedStyle
	return yaml.SetField(name, node)
}

// remove takes the proxy out, and tells whether it was there.
func (w *workload) remove() bool {
	annotations := w.lookup("metadata", "annotations")
	marked := annotations.Field(v1alpha1.AnnotationCaptureInjected)
	var made []string
	if marked != nil {
		made = strings.Split(marked.Value.YNode().Value, ",")
	}
	removed := marked != nil
	spec := w.lookup("spec", "template", "spec")
	for _, list := range lists {
		some := filter(spec.Field(list), func(name string) bool { return isOurs(list, name, made) })
		removed = removed || some
		// What is empty now goes when Inject made it; and where nothing was written down, when it was the proxy's alone.
		if field := spec.Field(list); field != nil && len(field.Value.Content()) == 0 && (slices.Contains(made, list) || some && marked == nil) {
			drop(spec, list)
		}
	}
	template := w.lookup("spec", "template", "metadata", "annotations")
	if template.Field(appliedAnnotation) != nil {
		removed = true
		drop(template, appliedAnnotation)
		if len(template.Content()) == 0 {
			drop(w.lookup("spec", "template", "metadata"), "annotations")
		}
	}
	if marked == nil {
		return removed
	}
	drop(annotations, v1alpha1.AnnotationCaptureInjected)
	if slices.Contains(made, madeEnabled) {
		drop(annotations, v1alpha1.AnnotationCaptureEnabled)
	}
	if slices.Contains(made, madeAnnotations) && len(annotations.Content()) == 0 {
		drop(w.lookup("metadata"), "annotations")
	}
	return true
}

func isOurs(list, name string, made []string) bool {
	switch list {
	case "initContainers":
		return name == wiring.ProxyContainerName || name == wiring.InitContainerName
	case "volumes":
		return name == wiring.ForwarderVolume
	default:
		return slices.Contains(made, madeSecret+name)
	}
}

// decode reads the workload as Kubernetes does.
func (w *workload) decode() (*appsv1.Deployment, error) {
	text, err := w.node.String()
	if err != nil {
		return nil, fmt.Errorf("reading the workload: %w", err)
	}
	deployment := &appsv1.Deployment{}
	if err := jsonyaml.Unmarshal([]byte(text), deployment); err != nil {
		return nil, fmt.Errorf("reading the workload: %w", err)
	}
	if deployment.Name == "" {
		return nil, fmt.Errorf("metadata.name: is missing; the workload is recorded under its name")
	}
	if len(deployment.Spec.Template.Spec.Containers) == 0 {
		return nil, fmt.Errorf("spec.template.spec.containers: is empty")
	}
	return deployment, nil
}
