// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// heartbeat is how often an empty line goes out when nothing else does, so that nothing on the way takes the stream for dead.
const heartbeat = 20 * time.Second

// logStream is the answer to one request for a log.
type logStream struct {
	replays  rest.Getter
	owner    *replay.TrafficReplay
	client   trafficpb.ReplaysClient
	asked    *trafficpb.GetLogRequest
	stopping <-chan struct{}
	w        http.ResponseWriter
	control  *http.ResponseController
	begun    bool
}

// received is what came of the forwarder: lines, or the end of the stream, io.EOF when there is no more.
type received struct {
	lines []*trafficpb.LogLine
	err   error
}

// serve writes the lines, each as soon as it is there. The one who follows is done when the forwarder says so, or, should it
// never have heard of the end, when the replay has ended and nothing came for a while.
func (s *logStream) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !s.asked.GetFollow() {
		ctx, cancel = context.WithTimeout(ctx, forwarder.Timeout)
		defer cancel()
	}
	stream, err := s.client.GetLog(ctx, s.asked)
	if err != nil {
		return err
	}
	incoming := make(chan received)
	go receive(ctx, stream, incoming)
	if s.asked.GetFollow() {
		if err := s.write(""); err != nil { // the client is to know that it is being served
			return nil
		}
	}
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for quiet := 0; ; {
		select {
		case got := <-incoming:
			if errors.Is(got.err, io.EOF) {
				return s.write("")
			}
			if got.err != nil {
				return got.err
			}
			quiet = 0
			ticker.Reset(heartbeat)
			if s.write(format(got.lines)) != nil {
				return nil // nobody listens any more
			}
		case <-s.stopping:
			return errors.New("the server stops")
		case <-ticker.C:
			if quiet++; quiet > 1 && s.over(ctx) {
				return nil
			}
			if s.write("\n") != nil {
				return nil
			}
		}
	}
}

func receive(ctx context.Context, stream trafficpb.Replays_GetLogClient, incoming chan<- received) {
	for {
		response, err := stream.Recv()
		select {
		case incoming <- received{response.GetLines(), err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// over tells whether the replay will say nothing more.
func (s *logStream) over(ctx context.Context) bool {
	obj, err := s.replays.Get(ctx, s.owner.Name, &metav1.GetOptions{})
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	now := obj.(*replay.TrafficReplay)
	return now.UID != s.owner.UID || now.Status.CompletionTime != nil &&
		(meta.IsStatusConditionTrue(now.Status.Conditions, replay.ReplayRestored) || now.Spec.Cleanup == replay.CleanupKeep)
}

// write sends a text at once.
func (s *logStream) write(text string) error {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		s.w.Header().Set("X-Content-Type-Options", "nosniff")
		s.w.WriteHeader(http.StatusOK)
	}
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.control.Flush()
}

func format(lines []*trafficpb.LogLine) string {
	var text strings.Builder
	for _, line := range lines {
		fmt.Fprintf(&text, "%s %s: %s\n", time.Unix(0, line.GetTime()).UTC().Format("2006-01-02T15:04:05.000000Z"), line.GetSource(), line.GetText())
	}
	return text.String()
}
