// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"fmt"
	"strings"
)

// variables are the environment variables that an option fills in, by name.
var variables = map[string]string{
	"CLUSTER_NAME":       "$.Values.clusterName | quote",
	"STORAGE_URL":        "$.Values.storageURL | quote",
	"INJECTION":          `include "restage.injection" $ | quote`,
	"WATCH_NAMESPACES":   `join "," $.Values.namespaces | quote`,
	"IMAGE_PULL_SECRETS": `join "," $.Values.imagePullSecrets | quote`,
	"IMAGE_PULL_POLICY":  "$.Values.imagePullPolicy | quote",
	"ETCD_SERVERS":       `join "," $.Values.etcdServers | quote`,
}

// pullSecrets is the list of a service account, absent when it is empty.
const pullSecrets = `{{- with $.Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . | quote }}
{{- end }}
{{- end }}`

// podSecurity is the version of the Pod Security standard: that of the cluster, or whichever it has.
const podSecurity = `with $.Values.kubeVersion }}{{ $v := semver . }}v{{ $v.Major }}.{{ $v.Minor }}{{ else }}latest{{ end`

// expressions are put into a tree as marks, which YAML leaves as they are, and written out in the text that is made of it.
type expressions struct {
	texts []string
}

// mark returns a scalar that stands for a text.
func (e *expressions) mark(text string) string {
	e.texts = append(e.texts, text)
	return fmt.Sprintf("EXPRESSION-%d-", len(e.texts)-1)
}

func (e *expressions) restore(text string) string {
	for i, expression := range e.texts {
		mark := fmt.Sprintf("EXPRESSION-%d-", i)
		if strings.HasPrefix(expression, "{{-") {
			text = strings.ReplaceAll(text, "imagePullSecrets: "+mark, expression)
			continue
		}
		text = strings.ReplaceAll(text, mark, "{{ "+expression+" }}")
	}
	return text
}

// in returns a tree with marks.
func (e *expressions) in(node any) any {
	switch n := node.(type) {
	case map[string]any:
		return e.inMap(n)
	case []any:
		for i := range n {
			n[i] = e.in(n[i])
		}
		return n
	case string:
		return e.inString(n)
	}
	return node
}

func (e *expressions) inMap(fields map[string]any) map[string]any {
	if name, ok := fields["name"].(string); ok && variables[name] != "" {
		fields["value"] = e.mark(variables[name])
		return fields
	}
	for key, value := range fields {
		switch key {
		case "imagePullSecrets":
			fields[key] = e.mark(pullSecrets)
		case "imagePullPolicy":
			fields[key] = e.mark("$.Values.imagePullPolicy | quote")
		default:
			fields[key] = e.in(value)
		}
	}
	return fields
}

func (e *expressions) inString(value string) string {
	switch value {
	case ourNamespace:
		return e.mark("$.Values.namespace | quote")
	case namedNamespace:
		return e.mark(". | quote")
	case "v" + kubeVersion:
		return e.mark(podSecurity)
	}
	if name, ok := strings.CutPrefix(value, registry+"/"); ok {
		return e.mark(fmt.Sprintf(`include "restage.image" (dict "root" $ "name" %q) | quote`, strings.TrimSuffix(name, ":"+tag)))
	}
	return value
}
