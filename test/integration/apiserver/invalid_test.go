// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
)

// TestBadManifestsAreRefused posts manifests as kubectl does and wants the path of the field and what is wrong with it.
func TestBadManifestsAreRefused(t *testing.T) {
	snapshot := createSnapshot(t, "ready")
	makeReady(t, snapshot,
		v1alpha1.Slice{Key: "front:9898", Direction: v1alpha1.DirectionInbound},
		v1alpha1.Slice{Key: "back:9898", Direction: v1alpha1.DirectionOutbound},
		v1alpha1.Slice{Key: "backup:9898", Direction: v1alpha1.DirectionOutbound})

	for _, test := range []struct{ name, resource, spec, want string }{
		{"unknown snapshot", "trafficreplays", `snapshotName: monday`, `spec.snapshotName: Not found: "monday"`},
		{"no snapshot", "trafficreplays", `mode: Full`, `spec.snapshotName: Required value`},
		{"ambiguous key", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: front}, mocks: [back]}]}`,
			`spec.workloads[0].mocks[0]: Invalid value: "back": "back" is ambiguous; it matches back:9898, backup:9898`},
		{"unknown key", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: front}, tests: [back]}]}`,
			`spec.workloads[0].tests[0]: Invalid value: "back": no slice matches "back"; known are front:9898`},
		{"missing workload", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: gone}}]}`, `spec.workloads[0].ref.name: Not found: "gone"`},
		{"unknown field", "trafficreplays", `{snapshotName: ready, paralelism: 3}`, `unknown field "spec.paralelism"`},
		{"doubled field", "trafficreplays", "snapshotName: ready\nmode: Full\nmode: Full", `key "mode" already set in map`},
		{"negative timeout", "trafficreplays", `{snapshotName: ready, timeout: -1m}`, `spec.timeout: Invalid value: "-1m0s": must be greater than 0s`},
		{"no duration", "trafficreplays", `{snapshotName: ready, timeout: soon}`, `soon`},
		{"negative ttl", "trafficreplays", `{snapshotName: ready, ttlAfterFinished: -1s}`, `spec.ttlAfterFinished: Invalid value: "-1s": must not be negative`},
		{"unknown mode", "trafficreplays", `{snapshotName: ready, mode: Fast}`, `spec.mode: Unsupported value: "Fast": supported values: "Full", "MocksOnly", "LoadOnly"`},
		{"unknown cleanup", "trafficreplays", `{snapshotName: ready, cleanup: None}`, `spec.cleanup: Unsupported value: "None"`},
		{"unknown profile", "trafficreplays", `{snapshotName: ready, profileName: fast}`, `spec.profileName: Not found: "fast"`},
		{"unknown environment", "trafficreplays", `{snapshotName: ready, environment: {name: standing}}`, `spec.environment.name: Not found: "standing"`},
		{"empty environment", "trafficreplays", `{snapshotName: ready, environment: {}}`, `spec.environment: Required value: either name or template must be given`},
		{"environment twice", "trafficreplays", `{snapshotName: ready, environment: {name: a, template: {}}}`, `spec.environment.template: Forbidden`},
		{"standing environment with workloads", "trafficreplays", `{snapshotName: ready, environment: {name: a}, workloads: [{ref: {name: front}}]}`, `spec.workloads: Forbidden`},
		{"unknown class", "trafficreplays", `{snapshotName: ready, environment: {template: {className: big}}}`, `spec.environment.template.className: Not found: "big"`},
		{"target without LoadOnly", "trafficreplays", `{snapshotName: ready, target: {url: "http://x"}}`, `spec.target: Forbidden`},
		{"LoadOnly without target", "trafficreplays", `{snapshotName: ready, mode: LoadOnly}`, `spec.target: Required value`},
		{"target with a path", "trafficreplays", `{snapshotName: ready, mode: LoadOnly, target: {url: "http://x/y"}}`, `spec.target.url: Invalid value: "http://x/y": must have neither path nor query`},
		{"target of another scheme", "trafficreplays", `{snapshotName: ready, mode: LoadOnly, target: {url: "ftp://x"}}`, `spec.target.url: Invalid value: "ftp://x": the scheme must be http`},
		{"target with a bad port", "trafficreplays", `{snapshotName: ready, mode: LoadOnly, target: {url: "http://x:0"}}`, `spec.target.url`},
		{"speed in words", "trafficreplays", `{snapshotName: ready, profile: {load: {speed: fast}}}`, `spec.profile.load.speed: Invalid value: "fast": must be a decimal number from 0.1 to 100`},
		{"speed not a number", "trafficreplays", `{snapshotName: ready, profile: {load: {speed: NaN}}}`, `spec.profile.load.speed`},
		{"speed too high", "trafficreplays", `{snapshotName: ready, profile: {load: {speed: "100.5"}}}`, `spec.profile.load.speed`},
		{"kind of workload", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {kind: StatefulSet, name: front}}]}`,
			`spec.workloads[0].ref.kind: Unsupported value: "StatefulSet": supported values: "Deployment"`},
		{"unnamed workload", "trafficreplays", `{snapshotName: ready, workloads: [{}]}`, `spec.workloads[0].ref.name: Required value`},
		{"workload twice", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: front}}, {ref: {name: front}}]}`, `spec.workloads[1].name: Duplicate value: "front"`},
		{"reserved workload name", "trafficreplays", `{snapshotName: ready, workloads: [{name: responder, ref: {name: front}}]}`, `spec.workloads[0].name: Invalid value: "responder"`},
		{"unknown container", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: front}, containers: [{name: web}]}]}`,
			`spec.workloads[0].containers[0].name: Unsupported value: "web": supported values: "app"`},
		{"unnamed container of two", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: pair}, containers: [{image: x}]}]}`,
			`spec.workloads[0].containers[0].name: Required value: the workload has several containers: one, two`},
		{"cannot be isolated", "trafficreplays", `{snapshotName: ready, workloads: [{ref: {name: node-agent}}]}`,
			`spec.workloads[0].ref.name: Invalid value: "node-agent": the Deployment cannot be isolated: spec.template.spec.hostNetwork`},

		{"workload of an environment", "environments", `{snapshotName: ready, workloads: [{ref: {name: gone}}]}`, `spec.workloads[0].ref.name: Not found: "gone"`},
		{"class of an environment", "environments", `{snapshotName: ready, className: big, workloads: [{ref: {name: front}}]}`, `spec.className: Not found: "big"`},
		{"snapshot of an environment", "environments", `{snapshotName: monday, workloads: [{ref: {name: front}}]}`, `spec.snapshotName: Not found: "monday"`},
		{"key of an environment", "environments", `{snapshotName: ready, workloads: [{ref: {name: front}, mocks: [back]}]}`, `spec.workloads[0].mocks[0]: Invalid value: "back"`},
		{"container of an environment", "environments", `{snapshotName: ready, workloads: [{ref: {name: front}, containers: [{name: web}]}]}`, `spec.workloads[0].containers[0].name: Unsupported value: "web"`},
		{"empty environment", "environments", `{snapshotName: ready}`, `spec.workloads: Required value`},
		{"variable twice", "environments", `{snapshotName: ready, workloads: [{ref: {name: front}, containers: [{env: [{name: A}, {name: A}]}]}]}`,
			`spec.workloads[0].containers[0].env[1].name: Duplicate value: "A"`},
		{"status for a failing miss", "environments", `{snapshotName: ready, workloads: [{ref: {name: front}}], responder: {missStatus: 503}}`, `spec.responder.missStatus: Forbidden`},

		{"negative last", "trafficsnapshots", `{workloadRef: {name: front}, last: -5m}`, `spec.last: Invalid value: "-5m0s": must be greater than 0s`},
		{"no range", "trafficsnapshots", `{workloadRef: {name: front}}`, `spec.last: Required value: either last or startTime must be given`},
		{"two ranges", "trafficsnapshots", `{workloadRef: {name: front}, last: 5m, startTime: "2026-01-01T00:00:00Z"}`, `spec.startTime: Forbidden`},
		{"range backwards", "trafficsnapshots", `{workloadRef: {name: front}, startTime: "2026-01-01T00:00:00Z", endTime: "2025-01-01T00:00:00Z"}`,
			`spec.endTime: Invalid value: "2025-01-01T00:00:00Z": must be after startTime`},
		{"end without start", "trafficsnapshots", `{workloadRef: {name: front}, last: 5m, endTime: "2026-01-01T00:00:00Z"}`, `spec.endTime: Forbidden`},
		{"workload of a snapshot", "trafficsnapshots", `{workloadRef: {name: gone}, last: 5m}`, `spec.workloadRef.name: Not found: "gone"`},

		{"workload of a capture", "trafficcaptures", `{workloadRef: {name: gone}}`, `spec.workloadRef.name: Not found: "gone"`},
		{"port out of range", "trafficcaptures", `{workloadRef: {name: front}, ports: [80, 70000]}`, `spec.ports[1]: Invalid value: 70000`},
		{"port twice", "trafficcaptures", `{workloadRef: {name: front}, ports: [80, 80]}`, `spec.ports[1]: Duplicate value: 80`},

		{"goal that does not compile", "replayprofiles", `{goals: [{name: fast, expression: "summary.speed > 1"}]}`, `spec.goals[0].expression: Invalid value: "summary.speed > 1"`},
		{"goal twice", "replayprofiles", `{goals: [{name: a, expression: "true"}, {name: a, expression: "true"}]}`, `spec.goals[1].name: Duplicate value: "a"`},
		{"goal without expression", "replayprofiles", `{goals: [{name: a}]}`, `spec.goals[0].expression: Required value`},
		{"path to ignore", "replayprofiles", `{comparison: {ignore: ["items.id"]}}`, `spec.comparison.ignore[0]: Invalid value: "items.id"`},
		{"header name", "replayprofiles", `{comparison: {headers: ["Content Type"]}}`, `spec.comparison.headers[0]: Invalid value: "Content Type"`},
		{"miss status", "replayprofiles", `{responder: {onMiss: Status, missStatus: 42}}`, `spec.responder.missStatus: Invalid value: 42: must be an HTTP status from 100 to 599`},
		{"miss policy", "replayprofiles", `{responder: {onMiss: Pass}}`, `spec.responder.onMiss: Unsupported value: "Pass": supported values: "Fail", "Status"`},
		{"request timeout", "replayprofiles", `{load: {requestTimeout: 0s}}`, `spec.load.requestTimeout: Invalid value: "0s"`},

		{"requests over limits", "environmentclasses", `{proxyResources: {limits: {memory: 1Mi}, requests: {memory: 2Mi}}}`, `spec.proxyResources.requests[memory]: Invalid value: "2Mi"`},
		{"pull policy", "environmentclasses", `{imagePullPolicy: Sometimes}`, `spec.imagePullPolicy: Unsupported value: "Sometimes"`},
		{"zero limit", "environmentclasses", `{maxTimeout: 0s}`, `spec.maxTimeout: Invalid value: "0s"`},
	} {
		t.Run(test.resource+"/"+test.name, func(t *testing.T) {
			err := post(t, test.resource, "bad", test.spec)
			if !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q lacks %q", err, test.want)
			}
		})
	}
}

func TestBadNamesAreRefused(t *testing.T) {
	snapshot := createSnapshot(t, "names")
	long := strings.Repeat("x", 41)
	expectInvalid(t, post(t, "trafficreplays", long, `snapshotName: `+snapshot), "metadata.name", "no more than 40 characters")
	expectInvalid(t, post(t, "environments", "a.b", `{snapshotName: names, workloads: [{ref: {name: front}}]}`), "metadata.name")
	expectInvalid(t, post(t, "trafficreplays", long[:40], `{snapshotName: names, workloads: [{ref: {name: front}, name: `+long[:30]+`}]}`),
		"spec.workloads[0].name", "no more than 63 characters")
}

// post sends a manifest with strict field validation, as a dry run.
func post(t *testing.T, resource, name, spec string) error {
	t.Helper()
	kind := map[string]string{
		"trafficreplays": "TrafficReplay", "environments": "Environment", "trafficsnapshots": "TrafficSnapshot",
		"trafficcaptures": "TrafficCapture", "replayprofiles": "ReplayProfile", "environmentclasses": "EnvironmentClass",
	}[resource]
	indented := strings.ReplaceAll(spec, "\n", "\n  ")
	manifest := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\nspec:\n  %s\n", v1alpha1.SchemeGroupVersion, kind, name, indented)
	request := server.Client.ReplayV1alpha1().RESTClient().Post().Resource(resource).SetHeader("Content-Type", "application/yaml").
		VersionedParams(&metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}, scheme.ParameterCodec)
	if resource != "environmentclasses" {
		request = request.Namespace(namespace)
	}
	return request.Body([]byte(manifest)).Do(t.Context()).Error()
}
