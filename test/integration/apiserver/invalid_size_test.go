// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// many returns a list of n items that differ.
func many(n int, item string) string {
	items := make([]string, n)
	for i := range items {
		items[i] = strings.ReplaceAll(item, "#", fmt.Sprint(i+1))
	}
	return "[" + strings.Join(items, ",") + "]"
}

// What is too long or too many for a manifest is refused with the limit.
func TestTooMuchIsRefused(t *testing.T) {
	invalidFixtures(t)
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	workload := func(part string) string {
		return `{"snapshotName":"ready","workloads":[{"ref":{"name":"front"},` + part + `}]}`
	}
	capture, profile := invalidFile{"TrafficCapture", "trafficcaptures", nil}, invalidFile{"ReplayProfile", "replayprofiles", nil}
	environment, replay := invalidFile{"Environment", "environments", nil}, invalidFile{"TrafficReplay", "trafficreplays", nil}
	for name, test := range map[string]struct {
		file              invalidFile
		spec, field, want string
	}{
		"ports":      {capture, `{"workloadRef":{"name":"front"},"ports":` + many(257, "#") + `}`, "spec.ports", "must have at most 256 items"},
		"headers":    {profile, `{"comparison":{"headers":` + many(65, `"X-#"`) + `}}`, "spec.comparison.headers", "must have at most 64 items"},
		"ignore":     {profile, `{"comparison":{"ignore":` + many(257, `"$.a#"`) + `}}`, "spec.comparison.ignore", "must have at most 256 items"},
		"path":       {profile, `{"comparison":{"ignore":["$.` + strings.Repeat("x", 1024) + `"]}}`, "spec.comparison.ignore[0]", "may not be more than 1024"},
		"goals":      {profile, `{"goals":` + many(65, `{"name":"g#","expression":"true"}`) + `}`, "spec.goals", "must have at most 64 items"},
		"goal name":  {profile, `{"goals":[{"name":` + text(64) + `,"expression":"true"}]}`, "spec.goals[0].name", "must be no more than 63"},
		"expression": {profile, `{"goals":[{"name":"a","expression":"` + strings.Repeat("true && ", 600) + `true"}]}`, "spec.goals[0].expression", "may not be more than 4096"},
		"workloads":  {environment, `{"snapshotName":"ready","workloads":` + many(33, `{"name":"w#","ref":{"name":"front"}}`) + `}`, "spec.workloads", "must have at most 32 items"},
		"image":      {environment, workload(`"containers":[{"image":` + text(1025) + `}]`), "spec.workloads[0].containers[0].image", "may not be more than 1024"},
		"variables":  {environment, workload(`"containers":[{"env":` + many(257, `{"name":"A#"}`) + `}]`), "spec.workloads[0].containers[0].env", "must have at most 256 items"},
		"tests":      {environment, workload(`"tests":` + many(257, `"front#"`)), "spec.workloads[0].tests", "must have at most 256 items"},
		"mock":       {environment, workload(`"mocks":[` + text(513) + `]`), "spec.workloads[0].mocks[0]", "may not be more than 512"},
		"build tag":  {replay, `{"snapshotName":"ready","buildTag":` + text(254) + `}`, "spec.buildTag", "may not be more than 253"},
		"snapshot":   {replay, `{"snapshotName":` + text(254) + `}`, "spec.snapshotName", "must be no more than 253"},
		"url": {
			replay, `{"snapshotName":"ready","mode":"LoadOnly","target":{"url":"http://` + strings.Repeat("x", 2048) + `"}}`,
			"spec.target.url", "may not be more than 2048",
		},
	} {
		t.Run(name, func(t *testing.T) {
			expectError(t, invalidCase{Spec: json.RawMessage(test.spec)}.send(t, test.file), test.field, test.want)
		})
	}
	annotated := invalidCase{Spec: json.RawMessage(`{}`), Metadata: json.RawMessage(`{"name":"bad","annotations":{"a":` + text(300000) + `}}`)}
	expectError(t, annotated.send(t, profile), "metadata.annotations", "may not be more than 262144 bytes")
}
