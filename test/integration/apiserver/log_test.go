// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	restageapiserver "github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	replayclient "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// appendLog adds lines to the log of a replay as the controller does.
func appendLog(t *testing.T, replay *v1alpha1.TrafficReplay, last bool, texts ...string) {
	t.Helper()
	request := &trafficpb.AppendLogRequest{Replay: &trafficpb.ObjectRef{Namespace: namespace, Name: replay.Name, Uid: string(replay.UID)}, Last: last}
	for _, text := range texts {
		request.Lines = append(request.Lines, &trafficpb.LogLine{Time: time.Now().UnixNano(), Source: "controller", Text: text})
	}
	if _, err := trafficpb.NewReplaysClient(forwarder.DialUser(t, "controller")).AppendLog(t.Context(), request); err != nil {
		t.Fatal(err)
	}
}

func TestLog(t *testing.T) {
	replay := createReplay(t, newReplay("logged", createSnapshot(t, "logged")))
	path := base + "/trafficreplays/logged/log"
	text := func(query string) string {
		response := get(t, path+query, "")
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Fatalf("%s of type %q, error %v: %s", response.Status, response.Header.Get("Content-Type"), err, body)
		}
		return string(body)
	}
	if got := text(""); got != "" {
		t.Errorf("a log without lines is %q", got)
	}
	appendLog(t, replay, true, "one", "two", "three")
	if got := text(""); !regexp.MustCompile(`(?s)\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z controller: one\n.*controller: three\n\z`).MatchString(got) {
		t.Errorf("the log is %q", got)
	}
	for query, want := range map[string]int{"?tailLines=2": 2, "?tailLines=0": 0, "?sinceSeconds=3600": 3, "?follow=true": 3, "?follow=1&tailLines=1": 1} {
		if got := strings.Count(text(query), "controller: "); got != want {
			t.Errorf("%s: %d lines, want %d", query, got, want)
		}
	}
	for query, want := range map[string]string{
		"?follow=perhaps": `follow: "perhaps" must be true or false`, "?tailLines=-1": `tailLines: "-1" must be`, "?sinceSeconds=0": `sinceSeconds: "0" must be`,
	} {
		expectStatus(t, path+query, http.StatusBadRequest, want)
	}
	expectStatus(t, base+"/trafficreplays/none/log", http.StatusNotFound, `"none" not found`)
}

// Who follows a log gets each line as it comes, for longer than other requests may take, and the end.
func TestLogIsFollowedForLong(t *testing.T) {
	const requestTimeout = 3 * time.Second
	o := restageapiserver.NewOptions()
	o.ServerRun.RequestTimeout = requestTimeout
	second, err := testserver.StartWith(t.Context(), o,
		forwarder.DialUser(t, "second"), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, deployment("front", "app"))
	if err != nil {
		t.Fatal(err)
	}
	defer second.Stop()
	stream := followLog(t, second.Client.ReplayV1alpha1(), "long")
	replay, err := second.Client.ReplayV1alpha1().TrafficReplays(namespace).Get(t.Context(), "long", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stream)
	ticker := time.NewTicker(requestTimeout / 2)
	defer ticker.Stop()
	for n := range 4 {
		<-ticker.C
		appendLog(t, replay, false, fmt.Sprint("line ", n))
		if got, err := lines.ReadString('\n'); err != nil || !strings.HasSuffix(got, fmt.Sprintf("controller: line %d\n", n)) {
			t.Fatalf("line %d is %q, error %v", n, got, err)
		}
	}
	appendLog(t, replay, true)
	if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
		t.Errorf("at the end there is %q, error %v", rest, err)
	}
}

// followLog makes a replay on another server and follows its log until the test ends.
func followLog(t *testing.T, client replayclient.ReplayV1alpha1Interface, name string) io.Reader {
	t.Helper()
	if _, err := client.TrafficSnapshots(namespace).Create(t.Context(), newSnapshot(name), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.TrafficReplays(namespace).Create(t.Context(), newReplay(name, name), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	stream, err := client.RESTClient().Get().AbsPath(base+"/trafficreplays/"+name+"/log").Param("follow", "true").Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stream.Close() })
	return stream
}
