// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/kustomize/kyaml/yaml"
	jsonyaml "sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// template is where a Deployment has its pod template, and whatever is like one.
var template = []string{"spec", "template"}

// templates are where the kinds of Kubernetes have their pod templates, by kind and API group. A Pod is its own.
var templates = map[string][]string{
	"Deployment.apps": template, "StatefulSet.apps": template, "DaemonSet.apps": template, "ReplicaSet.apps": template, "Job.batch": template,
	"CronJob.batch": {"spec", "jobTemplate", "spec", "template"}, "Pod.": nil,
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
	// path of the pod template.
	path []string
	// bared tells that it has pull secrets now and had none.
	bared bool
}

// newWorkload returns nil for an object without pods. One of a kind that is not Kubernetes' own has pods when it has containers where
// a Deployment has them.
func newWorkload(object *yaml.RNode) *workload {
	kind := object.GetKind() + "." + groupOf(object)
	path, known := templates[kind]
	w := &workload{node: object, path: path}
	if known {
		return w
	}
	w.path = template
	if groupOf(object) == "" || strings.HasSuffix(groupOf(object), "k8s.io") || len(w.lookup(w.in("spec")...).Content()) == 0 {
		return nil
	}
	if containers := w.lookup(w.in("spec")...).Field("containers"); containers == nil {
		return nil
	}
	return w
}

func groupOf(object *yaml.RNode) string {
	group, _, qualified := strings.Cut(object.GetApiVersion(), "/")
	if !qualified {
		return ""
	}
	return group
}

// in is the path of a field of the pod template.
func (w *workload) in(fields ...string) []string { return slices.Concat(w.path, fields) }

func (w *workload) String() string {
	name := strings.ToLower(w.node.GetKind())
	if group := groupOf(w.node); group != "" {
		name += "." + group
	}
	return name + "/" + w.node.GetName()
}

// inject adds the proxy to a workload that has none.
func (w *workload) inject(o Options) error {
	live, err := w.decode()
	if err != nil {
		return err
	}
	if value, ok := live.Annotations[v1alpha1.AnnotationCaptureEnabled]; ok && value != "true" {
		return fmt.Errorf("metadata.annotations[%s]: is %q, so that the workload is not to be recorded; remove it or make it \"true\"", v1alpha1.AnnotationCaptureEnabled, value)
	}
	if err := injection.RefuseCapture(live.pods, w.podSpecPath()); err != nil {
		return err
	}
	patch, err := o.Patch(live.Name, live.Annotations, live.pods)
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
	secrets := o.missingSecrets(live.pods)
	for _, secret := range secrets {
		made = append(made, madeSecret+secret.Name)
	}
	if len(secrets) > 0 {
		w.bared = len(live.pods.ImagePullSecrets) == 0
		if err := add("imagePullSecrets", secrets); err != nil {
			return err
		}
	}
	return w.mark(live, made)
}

// mark has the workload recorded and writes down what was made.
func (w *workload) mark(live *decoded, made []string) error {
	var annotations []yaml.Filter
	if metadata := w.node.Field("metadata"); metadata == nil || metadata.Value.Field("annotations") == nil {
		made = append(made, madeAnnotations)
	}
	if _, ok := live.Annotations[v1alpha1.AnnotationCaptureEnabled]; !ok {
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
	spec := w.lookup(w.in("spec")...)
	for _, list := range lists {
		some := filter(spec.Field(list), func(name string) bool { return isOurs(list, name, made) })
		removed = removed || some
		// What is empty now goes when Inject made it; and where nothing was written down, when it was the proxy's alone.
		if field := spec.Field(list); field != nil && len(field.Value.Content()) == 0 && (slices.Contains(made, list) || some && marked == nil) {
			drop(spec, list)
		}
	}
	template := w.lookup(w.in("metadata", "annotations")...)
	if template.Field(appliedAnnotation) != nil {
		removed = true
		drop(template, appliedAnnotation)
		if len(template.Content()) == 0 {
			drop(w.lookup(w.in("metadata")...), "annotations")
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

func (w *workload) podSpecPath() *field.Path {
	path := w.in("spec")
	return field.NewPath(path[0], path[1:]...)
}

// decoded is what of a workload is looked at.
type decoded struct {
	metav1.ObjectMeta `json:"metadata"`
	pods              corev1.PodSpec
}

// decode reads the workload as Kubernetes does.
func (w *workload) decode() (*decoded, error) {
	live := &decoded{}
	if err := read(w.node, live); err != nil {
		return nil, err
	}
	if err := read(w.lookup(w.in("spec")...), &live.pods); err != nil {
		return nil, err
	}
	if live.Name == "" {
		return nil, fmt.Errorf("metadata.name: is missing; the workload is recorded under its name")
	}
	if len(live.pods.Containers) == 0 {
		return nil, fmt.Errorf("%s.containers: is empty", strings.Join(w.in("spec"), "."))
	}
	return live, nil
}

func read(node *yaml.RNode, into any) error {
	text, err := node.String()
	if err == nil {
		err = jsonyaml.Unmarshal([]byte(text), into)
	}
	if err != nil {
		return fmt.Errorf("reading the workload: %w", err)
	}
	return nil
}
