// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"google.golang.org/grpc"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	defaultRecords = 500
	maxRecords     = 10_000
)

// RecordsREST serves trafficsnapshots/records: the records of a snapshot as NDJSON, one a line, in the order of their
// requests. The query parameters are limit (500 when absent, at most 10000), offset, the number of records to leave out, and
// direction, Inbound or Outbound. There is more when as many lines as the limit come back.
type RecordsREST struct {
	snapshots rest.Getter
	forwarder grpc.ClientConnInterface
}

// NewRecordsREST returns the subresource of the snapshots that the getter knows.
func NewRecordsREST(snapshots rest.Getter, connection grpc.ClientConnInterface) *RecordsREST {
	return &RecordsREST{snapshots: snapshots, forwarder: connection}
}

// New returns the object that the subresource is of.
func (*RecordsREST) New() runtime.Object { return &replay.TrafficSnapshot{} }

// Destroy does nothing: the connection belongs to the server.
func (*RecordsREST) Destroy() {}

// ConnectMethods are those that a client may use.
func (*RecordsREST) ConnectMethods() []string { return []string{http.MethodGet} }

// NewConnectOptions returns none: the query is read as it is.
func (*RecordsREST) NewConnectOptions() (runtime.Object, bool, string) { return nil, false, "" }

// ProducesMIMETypes is for the OpenAPI document.
func (*RecordsREST) ProducesMIMETypes(string) []string { return []string{"application/x-ndjson"} }

// ProducesObject is for the OpenAPI document.
func (*RecordsREST) ProducesObject(string) any { return "" }

// Connect returns the handler of one request.
func (r *RecordsREST) Connect(ctx context.Context, name string, _ runtime.Object, responder rest.Responder) (http.Handler, error) {
	obj, err := r.snapshots.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	snapshot := obj.(*replay.TrafficSnapshot)
	subject := forwarder.Subject{Resource: replay.Resource("trafficsnapshots/records"), Name: name, Missing: missing(snapshot)}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		read, err := readRequest(snapshot, request.URL.Query())
		if err != nil {
			responder.Error(apierrors.NewBadRequest(err.Error()))
			return
		}
		forwarder.Serve(request.Context(), w, responder, subject, "application/x-ndjson", func(ctx context.Context, w io.Writer) error {
			return r.writeLines(ctx, read, w)
		})
	}), nil
}

func (r *RecordsREST) writeLines(ctx context.Context, read *trafficpb.ReadRequest, w io.Writer) error {
	return dial.EachRecord(ctx, r.forwarder, read, func(record *trafficpb.Record) error {
		line, err := traffic.MarshalRecordJSON(record)
		if err != nil {
			return fmt.Errorf("writing record %s as JSON: %w", record.GetId(), err)
		}
		_, err = w.Write(append(line, '\n'))
		return err
	})
}

// missing says why there are no records.
func missing(snapshot *replay.TrafficSnapshot) string {
	ready := meta.FindStatusCondition(snapshot.Status.Conditions, replay.ConditionReady)
	switch {
	case ready == nil:
		return fmt.Sprintf("TrafficSnapshot %q has no records yet: it is still being cut", snapshot.Name)
	case ready.Status != metav1.ConditionTrue:
		return fmt.Sprintf("TrafficSnapshot %q has no records: %s: %s", snapshot.Name, ready.Reason, ready.Message)
	default:
		return fmt.Sprintf("the records of TrafficSnapshot %q are gone from the forwarder's storage", snapshot.Name)
	}
}

func readRequest(snapshot *replay.TrafficSnapshot, query url.Values) (*trafficpb.ReadRequest, error) {
	limit, err := number(query, "limit", defaultRecords)
	if err != nil {
		return nil, err
	}
	if limit < 1 || limit > maxRecords {
		return nil, fmt.Errorf("limit: %d must be from 1 to %d", limit, maxRecords)
	}
	offset, err := number(query, "offset", 0)
	if err != nil {
		return nil, err
	}
	direction, err := parseDirection(query.Get("direction"))
	if err != nil {
		return nil, err
	}
	return &trafficpb.ReadRequest{
		Snapshot:  &trafficpb.ObjectRef{Namespace: snapshot.Namespace, Name: snapshot.Name, Uid: string(snapshot.UID)},
		Direction: direction, Offset: offset, Limit: limit,
	}, nil
}

func number(query url.Values, name string, absent uint64) (uint64, error) {
	text := query.Get(name)
	if text == "" {
		return absent, nil
	}
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s: %q must be a whole number that is not negative", name, text)
	}
	return value, nil
}

func parseDirection(text string) (trafficpb.Direction, error) {
	switch replay.Direction(text) {
	case "":
		return trafficpb.Direction_DIRECTION_UNSPECIFIED, nil
	case replay.DirectionInbound:
		return trafficpb.Direction_DIRECTION_INBOUND, nil
	case replay.DirectionOutbound:
		return trafficpb.Direction_DIRECTION_OUTBOUND, nil
	default:
		return 0, fmt.Errorf("direction: %q must be %s or %s", text, replay.DirectionInbound, replay.DirectionOutbound)
	}
}
