// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// ownNetwork leaves pods alone whose node would get the rules.
const ownNetwork = "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"

// mutation adds to the pods of one workload what the PodTemplate of its capture holds: injection.Patch.Operations in CEL. Entries are added to
// lists and no list is written anew, so that whatever else a pod has stays as it is.
func mutation(template corev1.PodTemplate) (string, error) {
	spec := template.Template.Spec
	var ours, parts []corev1.Container
	for _, c := range spec.InitContainers {
		if c.Name == wiring.ProxyContainerName || c.Name == wiring.InitContainerName {
			ours = append(ours, c)
		} else {
			parts = append(parts, c)
		}
	}
	var all writer
	all.parts("containers", 0, spec.Containers)
	all.add("object.spec", "/spec", "initContainers", literals(&all, "spec.initContainers", ours), true)
	all.parts("initContainers", len(ours), parts)
	all.add("object.spec", "/spec", "volumes", literals(&all, "spec.volumes", spec.Volumes), false)
	all.secrets(spec.ImagePullSecrets)
	if all.err != nil {
		return "", all.err
	}
	return fmt.Sprintf("request.namespace == %s && (%s) ? (\n%s\n) : []", quote(template.Namespace),
		ofTheWorkload(template.Annotations[v1alpha1.AnnotationInjectInto]), strings.Join(all.lists, " +\n")), nil
}

// ofTheWorkload tells whether a workload, as kind/name, makes the pod: workload.OwnerOf in CEL.
func ofTheWorkload(wanted string) string {
	var maker strings.Builder
	for _, templater := range workload.Templaters {
		fmt.Fprintf(&maker, `o.kind == 'ReplicaSet' && has(object.metadata.labels) && '%[1]s' in object.metadata.labels && object.metadata.labels['%[1]s'] != ''`+
			` && o.name.endsWith('-' + object.metadata.labels['%[1]s']) ? '%[2]s/' + o.name.substring(0, size(o.name) - size(object.metadata.labels['%[1]s']) - 1) : `,
			templater.Label, templater.Reference.Kind)
	}
	fmt.Fprintf(&maker, `o.kind == 'Job' && o.name.matches('%s') ? 'CronJob/' + o.name.substring(0, o.name.lastIndexOf('-')) : o.kind + '/' + o.name`, workload.ScheduledSuffix)
	owners := "object.metadata.ownerReferences.filter(o, has(o.controller) && o.controller)"
	return fmt.Sprintf("has(object.metadata.ownerReferences) && %[1]s.size() > 0 ? %[1]s.exists(o, (%[2]s) == %[3]s) : has(object.metadata.name) && 'Pod/' + object.metadata.name == %[3]s",
		owners, maker.String(), quote(wanted))
}

// writer gathers lists of operations in CEL.
type writer struct {
	lists []string
	err   error
}

// add adds entries to a list of an object: at its end, or in front of it. A list that is not there is made.
func (w *writer) add(object, path, list string, entries []string, front bool) {
	if len(entries) > 0 {
		w.lists = append(w.lists, adding(object, quote(path+"/"+list), list, entries, front))
	}
}

// adding is a list of operations; path is an expression.
func adding(object, path, list string, entries []string, front bool) string {
	var operations []string
	for i, entry := range entries {
		at := "/-"
		if front {
			at = fmt.Sprintf("/%d", i)
		}
		operations = append(operations, fmt.Sprintf("JSONPatch{op: 'add', path: %s + '%s', value: %s}", path, at, entry))
	}
	return fmt.Sprintf("(has(%s.%s) ? [] : [JSONPatch{op: 'add', path: %s, value: []}]) + [\n%s]", object, list, path, strings.Join(operations, ",\n"))
}

// parts adds what containers of a list get, by their names. shift is how many were put before them.
func (w *writer) parts(list string, shift int, parts []corev1.Container) {
	for _, part := range parts {
		object := fmt.Sprintf("object.spec.%s[i]", list)
		path := fmt.Sprintf("'/spec/%s/' + string(i + %d)", list, shift)
		var adds []string
		for _, field := range []struct {
			name    string
			entries []string
		}{
			{"env", literals(w, "spec."+list+".env", part.Env)}, {"volumeMounts", literals(w, "spec."+list+".volumeMounts", part.VolumeMounts)},
		} {
			if len(field.entries) > 0 {
				adds = append(adds, adding(object, path+" + '/"+field.name+"'", field.name, field.entries, false))
			}
		}
		if len(adds) > 0 {
			w.lists = append(w.lists, fmt.Sprintf("(has(object.spec.%[1]s) ? lists.range(size(object.spec.%[1]s)).filter(i, object.spec.%[1]s[i].name == %[2]s).map(i, %[3]s).flatten() : [])",
				list, quote(part.Name), strings.Join(adds, " + ")))
		}
	}
}

// secrets adds those that the pod does not have.
func (w *writer) secrets(secrets []corev1.LocalObjectReference) {
	if len(secrets) == 0 {
		return
	}
	w.lists = append(w.lists, "(has(object.spec.imagePullSecrets) ? [] : [JSONPatch{op: 'add', path: '/spec/imagePullSecrets', value: []}])")
	for _, secret := range secrets {
		w.lists = append(w.lists, fmt.Sprintf("(has(object.spec.imagePullSecrets) && object.spec.imagePullSecrets.exists(s, s.name == %[1]s) ? [] : "+
			"[JSONPatch{op: 'add', path: '/spec/imagePullSecrets/-', value: Object.spec.imagePullSecrets{name: %[1]s}}])", quote(secret.Name)))
	}
}

// literals writes the entries of the list at a path of a pod.
func literals[T any](w *writer, path string, entries []T) (all []string) {
	for _, entry := range entries {
		data, err := json.Marshal(entry)
		if err != nil {
			w.err = err
			return nil
		}
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			w.err = err
			return nil
		}
		all = append(all, literal("Object."+path, value))
	}
	return all
}

// literal writes a value in CEL. An object has the type of its place, as patches demand; kube-apiserver looks at its names alone.
func literal(path string, value any) string {
	switch v := value.(type) {
	case map[string]any:
		var fields []string
		for key, field := range v {
			fields = append(fields, key+": "+literal(path+"."+key, field))
		}
		slices.Sort(fields)
		return path + "{" + strings.Join(fields, ", ") + "}"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, literal(path, item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return quote(v)
	case float64: // all of a pod's are whole
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprint(value)
}

// quote writes a string in CEL, which reads the escapes of JSON.
func quote(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return string(data)
}
