// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"fmt"

	"github.com/restage-dev/restage/pkg/install"
)

// option is a value of the chart: a field of install.Options.
type option struct {
	name, meaning string
	schema        map[string]any
}

const (
	label      = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
	subdomain  = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
	anySupport = "any supported version"
)

// options are all values, in the order of values.yaml.
var options = []option{
	{"clusterName", "Name of the cluster, which is written into reports.", text("^[^\\x00-\\x1f]{0,253}$")},
	{"namespace", "Namespace of Restage itself. It is part of the release unless the release is in it.", text(label)},
	{"registry", "Put before the names of all images, such as registry.example/mirror.", text("^([^/:@ ]+(:[0-9]+)?(/[a-z0-9._-]+)*)?$")},
	{"tag", "Tag of all images.", text("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")},
	{"imagePullPolicy", "How all images are pulled: Always, IfNotPresent or Never.", oneOf("Always", "IfNotPresent", "Never")},
	{"imagePullSecrets", "Names of Secrets that every pod of ours, and every pod that gets our proxy, pulls images with.", list(text(subdomain))},
	{"storageURL", "Where traffic, snapshots and reports are kept: file:///directory or s3://bucket?region=name; empty for a volume.",
		text("^(file:///.*|s3://.+)?$")},
	{"ha", "Three servers on an etcd of yours, and two controllers.", map[string]any{"type": "boolean"}},
	{"etcdServers", "Addresses of that etcd, such as https://etcd.example:2379.", list(text("^https://[^,/$]+/?$"))},
	{"kubeVersion", "Version of the cluster, such as \"1.37\"; empty for " + anySupport + ".", text(kubeVersions())},
	{"injection", "How recording proxies get into pods: workload (the controller patches workloads), manual (kubectl restage inject, in Git), webhook or policy (opted-in pods get them as they are made). " +
		"Empty for workload, and for webhook before Kubernetes 1.36, as kubeVersion or else the cluster says; name it to keep it when the cluster is upgraded.",
		oneOf(append(install.Injections(), "")...)},
	{"namespaces", "Namespaces whose workloads Restage may work with; empty for all.", list(text(label))},
	{"monitoring", "Monitors, alerts and a Grafana dashboard for the Prometheus operator, whose kinds the cluster must have.", map[string]any{"type": "boolean"}},
}

func text(pattern string) map[string]any {
	return map[string]any{"type": "string", "pattern": pattern}
}

func oneOf(values ...string) map[string]any {
	return map[string]any{"type": "string", "enum": values}
}

func list(items map[string]any) map[string]any {
	return map[string]any{"type": "array", "items": items, "uniqueItems": true}
}

// kubeVersions matches the versions of Kubernetes that are supported, and nothing.
func kubeVersions() string {
	minors := ""
	for minor := install.OldestMinor; minor <= install.NewestMinor; minor++ {
		if minors != "" {
			minors += "|"
		}
		minors += fmt.Sprint(minor)
	}
	return "^(v?1\\.(" + minors + ")(\\.[0-9]+([-+].*)?)?)?$"
}

// withoutPolicies matches the versions of Kubernetes that have no MutatingAdmissionPolicy.
func withoutPolicies() string {
	minors := ""
	for minor := install.OldestMinor; minor < install.OldestPolicyMinor; minor++ {
		if minors != "" {
			minors += "|"
		}
		minors += fmt.Sprint(minor)
	}
	return "^v?1\\.(" + minors + ")([^0-9]|$)"
}

// schema refuses what install.Options.Validate refuses, and values that there are not.
func schema() ([]byte, error) {
	properties := map[string]any{"global": map[string]any{"type": "object"}} // which Helm adds in a chart that has this one
	for _, o := range options {
		o.schema["description"] = o.meaning
		properties[o.name] = o.schema
	}
	is := func(value bool, servers map[string]any) map[string]any {
		return map[string]any{
			"if":   map[string]any{"properties": map[string]any{"ha": map[string]any{"const": value}}},
			"then": map[string]any{"properties": map[string]any{"etcdServers": servers}},
		}
	}
	data, err := json.MarshalIndent(map[string]any{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"type":                 "object",
		"additionalProperties": false,
		"properties":           properties,
		"allOf": []any{
			is(true, map[string]any{"minItems": 1}),
			is(false, map[string]any{"maxItems": 0}),
			map[string]any{
				"if":   map[string]any{"properties": map[string]any{"injection": oneOf(string(install.InjectionWorkload), string(install.InjectionPolicy))}},
				"then": map[string]any{"properties": map[string]any{"kubeVersion": map[string]any{"not": map[string]any{"pattern": withoutPolicies()}}}},
			},
		},
	}, "", "  ")
	return append(data, '\n'), err
}
