// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/registry/forwarder"
	"github.com/restage-dev/restage/pkg/traffic/har"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// maxBodyTime is how long a request may take to send its body, at most. What has come by then is kept, and can be gone on from.
const maxBodyTime = 40 * time.Second

// UploadREST serves trafficsnapshots/upload: the content of a snapshot whose spec says so, as NDJSON or HAR. POST and PUT take
// the whole at once, or begin; PATCH goes on; GET and HEAD tell how far it is. The headers Upload-Offset, Upload-Complete and
// Upload-Length are those of the IETF draft Resumable Uploads for HTTP.
type UploadREST struct {
	snapshots rest.Getter
	forwarder trafficpb.SnapshotsClient
	bodyTime  time.Duration
}

// NewUploadREST returns the subresource of the snapshots that the getter knows. The timeout is that of requests to this server:
// a body that takes too long is stopped before it, so that the client is told how much has come.
func NewUploadREST(snapshots rest.Getter, connection grpc.ClientConnInterface, timeout time.Duration) *UploadREST {
	return &UploadREST{
		snapshots: snapshots, forwarder: trafficpb.NewSnapshotsClient(connection), bodyTime: min(maxBodyTime, timeout*2/3),
	}
}

// New returns the object that the subresource is of.
func (*UploadREST) New() runtime.Object { return &replay.TrafficSnapshot{} }

// Destroy does nothing: the connection belongs to the server.
func (*UploadREST) Destroy() {}

// ConnectMethods are those that a client may use.
func (*UploadREST) ConnectMethods() []string {
	return []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodHead}
}

// NewConnectOptions returns none.
func (*UploadREST) NewConnectOptions() (runtime.Object, bool, string) { return nil, false, "" }

// ProducesMIMETypes is for the OpenAPI document.
func (*UploadREST) ProducesMIMETypes(string) []string { return []string{"application/json"} }

// ProducesObject is for the OpenAPI document.
func (*UploadREST) ProducesObject(string) any { return metav1.Status{} }

// Connect returns the handler of one request.
func (r *UploadREST) Connect(ctx context.Context, name string, _ runtime.Object, responder rest.Responder) (http.Handler, error) {
	obj, err := r.snapshots.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	snapshot := obj.(*replay.TrafficSnapshot)
	if snapshot.Spec.Upload == nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("spec.upload: TrafficSnapshot %q has none, so that it takes no upload", name))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		ctx, cancel := context.WithTimeout(request.Context(), forwarder.Timeout)
		defer cancel()
		var state *trafficpb.UploadState
		var err error
		if request.Method == http.MethodGet || request.Method == http.MethodHead {
			state, err = r.look(ctx, snapshot)
		} else {
			state, err = r.take(ctx, w, request, snapshot)
		}
		if state != nil {
			describe(w.Header(), state)
		}
		if err != nil {
			responder.Error(err)
			return
		}
		responder.Object(http.StatusOK, answer(snapshot, state))
	}), nil
}

// look tells how far an upload is; one that was not begun is at 0.
func (r *UploadREST) look(ctx context.Context, snapshot *replay.TrafficSnapshot) (*trafficpb.UploadState, error) {
	if isReady(snapshot) {
		return nil, hasContent(snapshot)
	}
	state, err := r.forwarder.GetUpload(ctx, snapshotRef(snapshot))
	if status.Code(err) == codes.NotFound {
		return &trafficpb.UploadState{}, nil
	}
	return state, uploadError(snapshot, err)
}

// take hands the body on to the forwarder. The state comes also with the error of a wrong offset and of a body that broke off.
func (r *UploadREST) take(ctx context.Context, w http.ResponseWriter, request *http.Request, snapshot *replay.TrafficSnapshot) (*trafficpb.UploadState, error) {
	if isReady(snapshot) {
		return nil, hasContent(snapshot)
	}
	first, err := firstChunk(request, snapshot)
	if err != nil {
		return nil, err
	}
	// Where it cannot be set, the server's own time limit ends a request that sends nothing.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(r.bodyTime))
	state, sent, err := send(ctx, r.forwarder, first, request.Body)
	audit.AddAuditAnnotations(ctx,
		"replay.restage.dev/snapshot-uid", string(snapshot.UID),
		"replay.restage.dev/bytes", strconv.FormatInt(sent, 10),
		"replay.restage.dev/upload-offset", strconv.FormatUint(first.GetOffset(), 10),
		"replay.restage.dev/upload-complete", strconv.FormatBool(state.GetComplete()))
	if at := rightOffset(err); at != nil {
		return at, uploadError(snapshot, err)
	}
	return state, uploadError(snapshot, err)
}

func snapshotRef(snapshot *replay.TrafficSnapshot) *trafficpb.ObjectRef {
	return &trafficpb.ObjectRef{Namespace: snapshot.Namespace, Name: snapshot.Name, Uid: string(snapshot.UID)}
}

func isReady(snapshot *replay.TrafficSnapshot) bool {
	return meta.IsStatusConditionTrue(snapshot.Status.Conditions, replay.ConditionReady)
}

func hasContent(snapshot *replay.TrafficSnapshot) error {
	return apierrors.NewConflict(replay.Resource("trafficsnapshots/upload"), snapshot.Name,
		fmt.Errorf("it has its content already, and that never changes; make another TrafficSnapshot"))
}

// firstChunk reads the headers. The error names the one that is wrong.
func firstChunk(request *http.Request, snapshot *replay.TrafficSnapshot) (*trafficpb.UploadChunk, error) {
	if err := checkContentType(request); err != nil {
		return nil, err
	}
	chunk := &trafficpb.UploadChunk{
		Snapshot: snapshotRef(snapshot), Workload: snapshot.Spec.WorkloadRef.Name, Port: uint32(ptr.Deref(snapshot.Spec.Upload.Port, 0)),
	}
	var err error
	if chunk.Offset, err = number(request.Header, headerOffset); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if chunk.Length, err = number(request.Header, headerLength); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	beginning := request.Method != http.MethodPatch
	if chunk.Complete, err = boolean(request.Header, headerComplete, beginning); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	chunk.Restart = beginning
	switch {
	case beginning && chunk.Offset != 0:
		return nil, apierrors.NewBadRequest(fmt.Sprintf("%s: %s begins from the start; PATCH goes on", headerOffset, request.Method))
	case !beginning && request.Header.Get(headerOffset) == "":
		return nil, apierrors.NewBadRequest(headerOffset + ": PATCH needs it")
	}
	return chunk, nil
}

// contentTypes are those of the content, and those that kubectl and clients of resumable uploads send.
var contentTypes = []string{MediaTypeNDJSON, har.MediaType, "application/json", "application/partial-upload", "application/octet-stream"}

// uploadError turns an error of the forwarder into one of the API, nil into nil.
func uploadError(snapshot *replay.TrafficSnapshot, err error) error {
	resource := replay.Resource("trafficsnapshots/upload")
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		return err
	}
	switch status.Code(err) {
	case codes.OK:
		return nil
	case codes.OutOfRange, codes.Aborted:
		return apierrors.NewConflict(resource, snapshot.Name, fmt.Errorf("%s", status.Convert(err).Message()))
	default:
		return forwarder.Subject{Resource: resource, Name: snapshot.Name}.Error(err)
	}
}
