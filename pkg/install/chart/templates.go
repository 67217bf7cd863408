// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/install"
)

// Stand-ins for what options fill in. They are valid values that are nowhere else in the manifests.
const (
	ourNamespace   = "stand-in-ours"
	namedNamespace = "stand-in-named"
	registry       = "stand-in.example"
	tag            = "stand-in-tag"
	pullSecret     = "stand-in-secret"
	kubeVersion    = "1.36"
)

// choice is one way to choose among the options that decide which objects there are and what is in them.
type choice struct {
	ha, namespaced, monitoring bool
	outside                    bool // workloads are not changed
	webhook, policy            bool // but pods are, as they are made
}

// axes of a choice: how it is set, and what the chart asks.
var axes = []struct {
	condition string
	set       func(*choice, bool)
}{
	{"$.Values.ha", func(c *choice, on bool) { c.ha = on }},
	{"$.Values.namespaces", func(c *choice, on bool) { c.namespaced = on }},
	{`ne (include "restage.injection" $) "workload"`, func(c *choice, on bool) { c.outside = on }},
	{`eq (include "restage.injection" $) "webhook"`, func(c *choice, on bool) { c.webhook = on }},
	{`eq (include "restage.injection" $) "policy"`, func(c *choice, on bool) { c.policy = on }},
	{"$.Values.monitoring", func(c *choice, on bool) { c.monitoring = on }},
}

// variants are the texts of one object by choice; it is absent where there is none.
type variants map[choice]string

// templates returns the templates by file name.
func templates() (map[string]string, error) {
	objects := map[string]variants{}
	for bits := range 1 << len(axes) {
		var c choice
		for i, axis := range axes {
			axis.set(&c, bits&(1<<i) != 0)
		}
		if !c.possible() {
			continue
		}
		all, err := install.Render(c.options())
		if err != nil {
			return nil, err
		}
		for _, object := range all {
			name := strings.ToLower(object.GetKind()) + "-" + object.GetName() + ".yaml"
			switch {
			case object.GetKind() == "Namespace":
				name = "namespace.yaml"
			case object.GetNamespace() == namedNamespace:
				name = strings.TrimSuffix(name, ".yaml") + "-namespaces.yaml"
			}
			text, err := template(object)
			if err != nil {
				return nil, err
			}
			if objects[name] == nil {
				objects[name] = variants{}
			}
			objects[name][c] = text
		}
	}
	files := map[string]string{}
	for name, of := range objects {
		files[name] = header + of.emit(choice{}, 0)
	}
	return files, nil
}

// options that stand for a choice.
func (c choice) options() install.Options {
	o := install.Options{
		Namespace: ourNamespace, Registry: registry, Tag: tag, ImagePullSecrets: []string{pullSecret}, KubeVersion: kubeVersion, HA: c.ha,
		Monitoring: c.monitoring,
	}
	if c.ha {
		o.EtcdServers = []string{"https://stand-in.example"}
	}
	if c.namespaced {
		o.Namespaces = []string{namedNamespace}
	}
	switch {
	case c.webhook:
		o.Injection = install.InjectionWebhook
	case c.policy:
		o.Injection = install.InjectionPolicy
	case c.outside:
		o.Injection = install.InjectionManual
	}
	return o
}

// possible tells whether options can choose so: injection is one of four.
func (c choice) possible() bool {
	return c.outside && !(c.webhook && c.policy) || !c.webhook && !c.policy
}

// emit writes the object for the choices that agree with c on the axes before i. An axis that makes no difference is not asked.
func (v variants) emit(c choice, i int) string {
	if i == len(axes) {
		return v[c]
	}
	on, off := c, c
	axes[i].set(&on, true)
	axes[i].set(&off, false)
	if !on.possible() {
		return v.emit(off, i+1)
	}
	with, without := v.emit(on, i+1), v.emit(off, i+1)
	switch {
	case with == without:
		return with
	case without == "":
		return fmt.Sprintf("{{- if %s }}\n%s{{- end }}\n", axes[i].condition, with)
	case with == "":
		return fmt.Sprintf("{{- if not (%s) }}\n%s{{- end }}\n", axes[i].condition, without)
	}
	return fmt.Sprintf("{{- if %s }}\n%s{{- else }}\n%s{{- end }}\n", axes[i].condition, with, without)
}

// template writes an object with expressions for what stands in for an option.
func template(object *unstructured.Unstructured) (string, error) {
	var e expressions
	named := object.GetNamespace() == namedNamespace
	object.Object = e.in(object.Object).(map[string]any)
	data, err := yaml.Marshal(object.Object)
	if err != nil {
		return "", fmt.Errorf("writing %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	text := e.restore(strings.ReplaceAll(string(data), "{{", `{{ "{{" }}`)) // alerts and dashboards have templates of their own
	switch {
	case named:
		text = "{{- range $.Values.namespaces }}\n---\n" + text + "{{- end }}\n"
	case object.GetKind() == "Namespace":
		text = "{{- if ne $.Values.namespace $.Release.Namespace }}\n" + text + "{{- end }}\n"
	}
	return text, nil
}
