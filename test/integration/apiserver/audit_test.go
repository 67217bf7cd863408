// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"

	restageapiserver "github.com/restage-dev/restage/pkg/apiserver"
)

const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  resources: [{group: replay.restage.dev, resources: [trafficsnapshots/*, trafficreplays/*]}]
`

// auditTo returns options with which the server writes an audit log.
func auditTo(log, policy string) *restageapiserver.Options {
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		panic(err) // there is no test yet that could fail
	}
	o := restageapiserver.NewOptions()
	o.Audit.PolicyFile, o.Audit.LogOptions.Path = policy, log
	return o
}

// auditAnnotations waits for the end of a request in the audit log and returns what is noted there.
func auditAnnotations(t *testing.T, uri string) (annotations map[string]string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		file, err := os.Open(auditLog)
		if err != nil {
			return false, err
		}
		defer file.Close()
		for lines := bufio.NewScanner(file); lines.Scan(); {
			var event auditv1.Event
			if json.Unmarshal(lines.Bytes(), &event) == nil && event.RequestURI == uri && event.Stage == auditv1.StageResponseComplete {
				annotations = event.Annotations
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Fatalf("the audit log has no %s: %v", uri, err)
	}
	return annotations
}

func expectAnnotations(t *testing.T, uri string, want map[string]string) {
	t.Helper()
	got := auditAnnotations(t, uri)
	for name, value := range want {
		if has := got["replay.restage.dev/"+name]; has != value && (value != "some" || has == "" || has == "0") {
			t.Errorf("%s: annotation %s is %q, want %q", uri, name, has, value)
		}
	}
}

// Who read payloads, and how many, is in the audit log.
func TestPayloadAccessIsAudited(t *testing.T) {
	manifest := cutSnapshot(t, "audited", recording(1, 10, 10))
	path := base + "/trafficsnapshots/audited/records?limit=7"
	get(t, path, "application/har+json")
	expectAnnotations(t, path, map[string]string{
		"snapshot-uid": manifest.GetSnapshot().GetUid(), "records-returned": "7", "bytes": "some", "format": "application/har+json",
	})

	replay := createReplay(t, newReplay("audited", "audited"))
	putReport(t, "audited", []byte(`{"schema":"report.restage.dev/v1"}`))
	path = base + "/trafficreplays/audited/report"
	get(t, path, "")
	expectAnnotations(t, path, map[string]string{"replay-uid": string(replay.UID), "bytes": "34", "format": "application/json"})

	path = base + "/trafficsnapshots/none/records"
	get(t, path, "")
	if noted := auditAnnotations(t, path); strings.Contains(strings.Join(keys(noted), " "), "records-returned") {
		t.Errorf("a request that got nothing is noted as %v", noted)
	}
}

func keys(m map[string]string) (list []string) {
	for key := range m {
		list = append(list, key)
	}
	return list
}
