// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// LogREST serves trafficreplays/log: what the controller and the generator said of the run, one line each. Its query
// parameters are replay.ReplayLogOptions. It is called log because kube-apiserver lets requests of that name run for as
// long as they take.
type LogREST struct {
	replays   rest.Getter
	forwarder trafficpb.ReplaysClient
	stopping  <-chan struct{}
}

// NewLogREST returns the subresource of the replays that the getter knows. Once stopping is closed, those who follow a log
// are sent away.
func NewLogREST(replays rest.Getter, connection grpc.ClientConnInterface, stopping <-chan struct{}) *LogREST {
	return &LogREST{replays: replays, forwarder: trafficpb.NewReplaysClient(connection), stopping: stopping}
}

// New returns the object that the subresource is of.
func (*LogREST) New() runtime.Object { return &replay.TrafficReplay{} }

// Destroy does nothing: the connection belongs to the server.
func (*LogREST) Destroy() {}

// ConnectMethods are those that a client may use.
func (*LogREST) ConnectMethods() []string { return []string{http.MethodGet} }

// NewConnectOptions returns the query parameters.
func (*LogREST) NewConnectOptions() (runtime.Object, bool, string) {
	return &replay.ReplayLogOptions{}, false, ""
}

// ProducesMIMETypes is for the OpenAPI document.
func (*LogREST) ProducesMIMETypes(string) []string { return []string{"text/plain"} }

// ProducesObject is for the OpenAPI document.
func (*LogREST) ProducesObject(string) any { return "" }

// Connect returns the handler of one request.
func (r *LogREST) Connect(ctx context.Context, name string, options runtime.Object, responder rest.Responder) (http.Handler, error) {
	obj, err := r.replays.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	owner := obj.(*replay.TrafficReplay)
	asked, err := logRequest(owner, options.(*replay.ReplayLogOptions), time.Now())
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		stream := &logStream{
			replays: r.replays, owner: owner, client: r.forwarder, asked: asked, stopping: r.stopping,
			w: w, control: http.NewResponseController(w),
		}
		if err := stream.serve(request.Context()); err != nil {
			if stream.begun { // a client must not take a part for the whole
				panic(http.ErrAbortHandler)
			}
			subject := forwarder.Subject{Resource: replay.Resource("trafficreplays/log"), Name: name, Missing: fmt.Sprintf("TrafficReplay %q has no log", name)}
			responder.Error(subject.Error(err))
		}
	}), nil
}

// logRequest reads the parameters. The error names the one that is wrong.
func logRequest(owner *replay.TrafficReplay, options *replay.ReplayLogOptions, now time.Time) (*trafficpb.GetLogRequest, error) {
	asked := &trafficpb.GetLogRequest{Replay: objectRef(owner), Tail: -1}
	var err error
	if options.Follow != "" {
		if asked.Follow, err = strconv.ParseBool(options.Follow); err != nil {
			return nil, fmt.Errorf("follow: %q must be true or false", options.Follow)
		}
	}
	if options.TailLines != "" {
		if asked.Tail, err = strconv.ParseInt(options.TailLines, 10, 64); err != nil || asked.Tail < 0 {
			return nil, fmt.Errorf("tailLines: %q must be a whole number that is not negative", options.TailLines)
		}
	}
	if options.SinceSeconds != "" {
		seconds, err := strconv.ParseInt(options.SinceSeconds, 10, 32)
		if err != nil || seconds < 1 {
			return nil, fmt.Errorf("sinceSeconds: %q must be a whole number greater than 0", options.SinceSeconds)
		}
		asked.Since = now.Add(-time.Duration(seconds) * time.Second).UnixNano()
	}
	return asked, nil
}
