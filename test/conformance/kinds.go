// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// kind is what the suite must know of a kind. Specs and their changes are YAML.
type kind struct {
	name, resource string
	clusterScoped  bool
	spec           string            // the least that is valid
	change         string            // a legal change of the spec, as a merge patch; empty when the spec is immutable
	bad            string            // a change that is refused
	badField       string            // and the field that the refusal names
	status         string            // a field of the status that holds text or a number; empty without a status
	values         [2]any            // two values of that field
	fields         map[string]string // selectable fields and their values in the least valid object
	// columns of a table, those of the wide form behind the bar
	columns string
}

// snapshots is the place of TrafficSnapshot among the kinds.
const snapshots = 1

func kinds() []kind {
	return []kind{
		{
			name: "TrafficCapture", resource: "trafficcaptures", spec: "{workloadRef: {name: front}}",
			change: "{ports: [9898]}", bad: "{workloadRef: {name: other}}", badField: "spec.workloadRef",
			status: "recordingPods", values: [2]any{int64(1), int64(2)},
			fields:  map[string]string{v1alpha1.FieldWorkloadName: "front"},
			columns: "Name Workload Ready Recording Records Complete Last Age | Reason Dropped Rate Size",
		},
		{
			name: "TrafficSnapshot", resource: "trafficsnapshots", spec: "{workloadRef: {name: front}, last: 1m}",
			bad: "{last: 2m}", badField: "spec",
			status: "contentHash", values: [2]any{"sha256:1", "sha256:2"},
			fields:  map[string]string{v1alpha1.FieldWorkloadName: "front"},
			columns: "Name Workload Ready Inbound Outbound Complete Size Age | Reason From To",
		},
		{
			name: "ReplayProfile", resource: "replayprofiles", spec: "{load: {speed: \"1\"}}",
			change: "{load: {speed: \"2\"}}", bad: "{load: {speed: fast}}", badField: "spec.load.speed",
			columns: "Name Pattern Speed Miss Latency Goals Age | Timeout Headers Ignored",
		},
		{
			name: "Environment", resource: "environments", spec: "{snapshotName: " + snapshot + ", workloads: [{ref: {name: front}}]}",
			bad: "{responder: {latency: None}}", badField: "spec",
			status: "responderAddress", values: [2]any{"10.0.0.1:80", "10.0.0.2:80"},
			fields:  map[string]string{v1alpha1.FieldSnapshotName: snapshot, v1alpha1.FieldClassName: ""},
			columns: "Name Class Snapshot Workloads Ready Isolated Age | Reason Refused Responder",
		},
		{
			name: "EnvironmentClass", resource: "environmentclasses", clusterScoped: true, spec: "{imagePullPolicy: Never}",
			change: "{maxTimeout: 1m0s}", bad: "{maxTimeout: 0s}", badField: "spec.maxTimeout",
			columns: "Name Default Pull Interception Timeout Age | Nodes",
		},
		{
			name: "TrafficReplay", resource: "trafficreplays", spec: "{snapshotName: " + snapshot + "}",
			bad: "{buildTag: other}", badField: "spec",
			status: "environmentName", values: [2]any{"one", "two"},
			fields:  map[string]string{v1alpha1.FieldSnapshotName: snapshot, v1alpha1.FieldPhase: "Pending"},
			columns: "Name Snapshot Progress Verdict Requests Differing Match P99 Age | Mode Profile Build Environment Escaped",
		},
	}
}

// parse reads YAML of the table of kinds.
func parse(text string) map[string]any {
	var value map[string]any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		panic(fmt.Sprintf("parsing %q: %v", text, err))
	}
	return value
}

// object returns the least valid object of the kind.
func (c *check) object(name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": parse(c.kind.spec)}}
	o.SetAPIVersion(v1alpha1.SchemeGroupVersion.String())
	o.SetKind(c.kind.name)
	o.SetName(name)
	if !c.kind.clusterScoped {
		o.SetNamespace(c.Namespace)
	}
	return o
}
