// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficreplay

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/report/html"
	"github.com/restage-dev/restage/pkg/report/junit"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	mediaTypeJSON = "application/json"
	mediaTypeXML  = "application/xml"
	// maxReport bounds what is read of a report; a generator's is far smaller.
	maxReport = 16 << 20
	// reportsAtOnce bounds the memory for reports being read.
	reportsAtOnce = 8
)

// ReportREST serves trafficreplays/report: the report of a replay that has ended, as JSON, as a page or as JUnit XML.
type ReportREST struct {
	replays   rest.Getter
	forwarder trafficpb.ReplaysClient
	slots     *semaphore.Weighted
}

// NewReportREST returns the subresource of the replays that the getter knows.
func NewReportREST(replays rest.Getter, connection grpc.ClientConnInterface) *ReportREST {
	return &ReportREST{replays: replays, forwarder: trafficpb.NewReplaysClient(connection), slots: semaphore.NewWeighted(reportsAtOnce)}
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
func (*ReportREST) ProducesMIMETypes(string) []string { return reportTypes() }

// ProducesObject is for the OpenAPI document.
func (*ReportREST) ProducesObject(string) any { return "" }

func reportTypes() []string {
	return []string{mediaTypeJSON, html.MediaType, junit.MediaType, mediaTypeXML}
}

// Connect returns the handler of one request.
func (r *ReportREST) Connect(ctx context.Context, name string, _ runtime.Object, responder rest.Responder) (http.Handler, error) {
	obj, err := r.replays.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	owner := obj.(*replay.TrafficReplay)
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if err := r.serve(w, request, owner); err != nil {
			responder.Error(err)
		}
	}), nil
}

func (r *ReportREST) serve(w http.ResponseWriter, request *http.Request, owner *replay.TrafficReplay) error {
	mediaType, err := forwarder.Negotiate(request, reportTypes()...)
	if err != nil {
		return err
	}
	if !r.slots.TryAcquire(1) {
		return apierrors.NewTooManyRequests(fmt.Sprintf("%d reports are being read already", reportsAtOnce), 1)
	}
	defer r.slots.Release(1)
	ctx, cancel := context.WithTimeout(request.Context(), forwarder.Timeout)
	defer cancel()
	document, err := r.read(ctx, objectRef(owner))
	if err != nil {
		subject := forwarder.Subject{
			Resource: replay.Resource("trafficreplays/report"), Name: owner.Name,
			Missing: fmt.Sprintf("TrafficReplay %q has no report: one is there only when its requests have been replayed; it is %s",
				owner.Name, owner.Status.Phase),
		}
		return subject.Error(err)
	}
	body, err := render(mediaType, document)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	audit.AddAuditAnnotations(ctx,
		"replay.restage.dev/replay-uid", string(owner.UID),
		"replay.restage.dev/bytes", strconv.Itoa(len(body)),
		"replay.restage.dev/format", mediaType)
	if mediaType == html.MediaType {
		mediaType += "; charset=utf-8"
		w.Header().Set("Content-Security-Policy", html.SecurityPolicy)
	}
	forwarder.Write(w, mediaType, body)
	return nil
}

// render writes the document, which is in JSON, as a media type.
func render(mediaType string, document []byte) ([]byte, error) {
	if mediaType == mediaTypeJSON {
		return document, nil
	}
	r, err := report.Decode(document)
	if err != nil {
		return nil, err
	}
	if mediaType == html.MediaType {
		return html.Render(r)
	}
	return junit.Render(r)
}

// read reads the whole document.
func (r *ReportREST) read(ctx context.Context, ref *trafficpb.ObjectRef) ([]byte, error) {
	stream, err := r.forwarder.GetReport(ctx, ref)
	if err != nil {
		return nil, err
	}
	var document bytes.Buffer
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return document.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if document.Len()+len(chunk.GetData()) > maxReport {
			return nil, fmt.Errorf("the report has more than %d MiB", maxReport>>20)
		}
		document.Write(chunk.GetData())
	}
}

func objectRef(r *replay.TrafficReplay) *trafficpb.ObjectRef {
	return &trafficpb.ObjectRef{Namespace: r.Namespace, Name: r.Name, Uid: string(r.UID)}
}
