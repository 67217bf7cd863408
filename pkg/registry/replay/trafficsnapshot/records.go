// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/har"
)

// ContinueHeader is the header of an answer that has the token for what comes after it.
const ContinueHeader = "Restage-Continue"

// MediaTypeNDJSON is the media type of records one a line.
const MediaTypeNDJSON = "application/x-ndjson"

const (
	defaultRecords = 500
	maxRecords     = 10_000

	// A page ends after so many bytes of records, and after so long, well before kube-apiserver would cut it off.
	pageBytes = 4 << 20
	pageTime  = 30 * time.Second
	// pagesAtOnce bounds the memory for pages being read, and slotTime how long a request waits for its turn.
	pagesAtOnce = 8
	slotTime    = 15 * time.Second
)

// RecordsREST serves trafficsnapshots/records: the records of a snapshot in pages, in the order of their requests, as NDJSON
// or HAR. Its query parameters are replay.TrafficRecordsOptions.
type RecordsREST struct {
	snapshots rest.Getter
	forwarder grpc.ClientConnInterface
	version   string
	slots     *semaphore.Weighted
}

// NewRecordsREST returns the subresource of the snapshots that the getter knows. The version is that of this program.
func NewRecordsREST(snapshots rest.Getter, connection grpc.ClientConnInterface, version string) *RecordsREST {
	return &RecordsREST{snapshots: snapshots, forwarder: connection, version: version, slots: semaphore.NewWeighted(pagesAtOnce)}
}

// New returns the object that the subresource is of.
func (*RecordsREST) New() runtime.Object { return &replay.TrafficSnapshot{} }

// Destroy does nothing: the connection belongs to the server.
func (*RecordsREST) Destroy() {}

// ConnectMethods are those that a client may use.
func (*RecordsREST) ConnectMethods() []string { return []string{http.MethodGet} }

// NewConnectOptions returns the query parameters.
func (*RecordsREST) NewConnectOptions() (runtime.Object, bool, string) {
	return &replay.TrafficRecordsOptions{}, false, ""
}

// ProducesMIMETypes is for the OpenAPI document.
func (*RecordsREST) ProducesMIMETypes(string) []string { return offered() }

// ProducesObject is for the OpenAPI document.
func (*RecordsREST) ProducesObject(string) any { return "" }

func offered() []string { return []string{MediaTypeNDJSON, har.MediaType} }

// Connect returns the handler of one request.
func (r *RecordsREST) Connect(ctx context.Context, name string, options runtime.Object, responder rest.Responder) (http.Handler, error) {
	obj, err := r.snapshots.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	snapshot, asked := obj.(*replay.TrafficSnapshot), options.(*replay.TrafficRecordsOptions)
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if err := r.serve(w, request, snapshot, asked); err != nil {
			responder.Error(err)
		}
	}), nil
}

func (r *RecordsREST) serve(w http.ResponseWriter, request *http.Request, snapshot *replay.TrafficSnapshot, asked *replay.TrafficRecordsOptions) error {
	mediaType, err := forwarder.Negotiate(request, offered()...)
	if err != nil {
		return err
	}
	if err := knownParameters(request.URL.Query()); err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	q, err := newQuery(snapshot, asked)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(request.Context(), forwarder.Timeout)
	defer cancel()
	if err := r.takeSlot(ctx); err != nil {
		return err
	}
	defer r.slots.Release(1)
	page, err := r.read(ctx, mediaType, q)
	if err != nil {
		subject := forwarder.Subject{Resource: replay.Resource("trafficsnapshots/records"), Name: snapshot.Name, Missing: missing(snapshot)}
		return subject.Error(err)
	}
	audit.AddAuditAnnotations(ctx,
		"replay.restage.dev/snapshot-uid", string(snapshot.UID),
		"replay.restage.dev/records-returned", strconv.Itoa(page.records),
		"replay.restage.dev/bytes", strconv.Itoa(page.body.Len()),
		"replay.restage.dev/format", mediaType)
	if page.next != "" {
		w.Header().Set(ContinueHeader, page.next)
	}
	forwarder.Write(w, mediaType, page.body.Bytes())
	return nil
}

// takeSlot waits for a turn.
func (r *RecordsREST) takeSlot(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, slotTime)
	defer cancel()
	if err := r.slots.Acquire(waiting, 1); err != nil {
		return apierrors.NewTooManyRequests(fmt.Sprintf("%d pages of records are being read already", pagesAtOnce), 1)
	}
	return nil
}

// read reads one page from the forwarder.
func (r *RecordsREST) read(ctx context.Context, mediaType string, q *query) (*page, error) {
	p, err := newPage(mediaType, r.version, func() (*descriptor.Set, error) { return dial.Types(ctx, r.forwarder, q.request.GetSnapshot()) })
	if err != nil {
		return nil, err
	}
	next, err := dial.ReadPage(ctx, r.forwarder, q.request, p.add)
	if err != nil {
		return nil, err
	}
	return p, p.close(q.tokenFor(next))
}

// missing says why there are no records.
func missing(snapshot *replay.TrafficSnapshot) string {
	ready := meta.FindStatusCondition(snapshot.Status.Conditions, replay.ConditionReady)
	switch {
	case ready == nil && snapshot.Spec.Upload != nil:
		return fmt.Sprintf("TrafficSnapshot %q has no records yet: its content is still to be uploaded", snapshot.Name)
	case ready == nil:
		return fmt.Sprintf("TrafficSnapshot %q has no records yet: it is still being cut", snapshot.Name)
	case ready.Status != metav1.ConditionTrue:
		return fmt.Sprintf("TrafficSnapshot %q has no records: %s: %s", snapshot.Name, ready.Reason, ready.Message)
	default:
		return fmt.Sprintf("the records of TrafficSnapshot %q are gone from the forwarder's storage", snapshot.Name)
	}
}
