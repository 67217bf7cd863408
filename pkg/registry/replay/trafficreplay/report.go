// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// ReportREST serves trafficreplays/report: the report of a replay that has ended, as JSON.
type ReportREST struct {
	replays   rest.Getter
	forwarder trafficpb.ReplaysClient
}

// NewReportREST returns the subresource of the replays that the getter knows.
func NewReportREST(replays rest.Getter, connection grpc.ClientConnInterface) *ReportREST {
	return &ReportREST{replays: replays, forwarder: trafficpb.NewReplaysClient(connection)}
}

// New returns the object that the subresource is of.
func (*ReportREST) New() runtime.Object { return &replay.TrafficReplay{} }

// Destroy does nothing: the connection belongs to the server.
func (*ReportREST) Destroy() {}

// ConnectMethods are those that a client may use.
func (*ReportREST) ConnectMethods() []string { return []string{http.MethodGet} }

// NewConnectOptions returns none.
func (*ReportREST) NewConnectOptions() (runtime.Object, bool, string) { return nil, false, "" }

// ProducesMIMETypes is for the OpenAPI document.
func (*ReportREST) ProducesMIMETypes(string) []string { return []string{"application/json"} }

// ProducesObject is for the OpenAPI document.
func (*ReportREST) ProducesObject(string) any { return "" }

// Connect returns the handler of one request.
func (r *ReportREST) Connect(ctx context.Context, name string, _ runtime.Object, responder rest.Responder) (http.Handler, error) {
	obj, err := r.replays.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	owner := obj.(*replay.TrafficReplay)
	ref := &trafficpb.ObjectRef{Namespace: owner.Namespace, Name: owner.Name, Uid: string(owner.UID)}
	subject := forwarder.Subject{
		Resource: replay.Resource("trafficreplays/report"), Name: name,
		Missing: fmt.Sprintf("TrafficReplay %q has no report: one is there only when its requests have been replayed; it is %s",
			name, owner.Status.Phase),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		forwarder.Serve(request.Context(), w, responder, subject, "application/json", func(ctx context.Context, w io.Writer) error {
			return r.copyReport(ctx, ref, w)
		})
	}), nil
}

func (r *ReportREST) copyReport(ctx context.Context, ref *trafficpb.ObjectRef, w io.Writer) error {
	stream, err := r.forwarder.GetReport(ctx, ref)
	if err != nil {
		return err
	}
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(chunk.GetData()); err != nil {
			return err
		}
	}
}
