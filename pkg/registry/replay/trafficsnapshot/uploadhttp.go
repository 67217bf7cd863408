// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Headers of resumable uploads. Booleans are written ?1 and ?0.
const (
	headerOffset   = "Upload-Offset"
	headerComplete = "Upload-Complete"
	headerLength   = "Upload-Length"
	headerLimit    = "Upload-Limit"
)

// pieceBytes is the size of the pieces that a body is handed on in.
const pieceBytes = 256 << 10

func checkContentType(request *http.Request) error {
	given := request.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	if given == "" || err == nil && slices.Contains(contentTypes, mediaType) {
		return nil
	}
	failure := apierrors.NewGenericServerResponse(http.StatusUnsupportedMediaType, request.Method, replay.Resource("trafficsnapshots/upload"), "", "", 0, false)
	failure.ErrStatus.Message = fmt.Sprintf("Content-Type: %q is not supported; supported are %s", given, strings.Join(contentTypes, ", "))
	return failure
}

func number(header http.Header, name string) (uint64, error) {
	text := header.Get(name)
	if text == "" {
		return 0, nil
	}
	value, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%s: %q must be a whole number that is not negative", name, text)
	}
	return value, nil
}

func boolean(header http.Header, name string, absent bool) (bool, error) {
	switch text := header.Get(name); text {
	case "":
		return absent, nil
	case "?1":
		return true, nil
	case "?0":
		return false, nil
	default:
		return false, fmt.Errorf("%s: %q must be ?1 or ?0", name, text)
	}
}

// describe puts the state of an upload into the headers of an answer.
func describe(header http.Header, state *trafficpb.UploadState) {
	header.Set(headerOffset, strconv.FormatUint(state.GetOffset(), 10))
	header.Set(headerComplete, map[bool]string{true: "?1", false: "?0"}[state.GetComplete()])
	if state.GetLength() != 0 {
		header.Set(headerLength, strconv.FormatUint(state.GetLength(), 10))
	}
	if state.GetMaxLength() != 0 {
		header.Set(headerLimit, "max-size="+strconv.FormatUint(state.GetMaxLength(), 10))
	}
	header.Set("Cache-Control", "no-store")
}

// answer says in words what describe says in headers, for kubectl shows none.
func answer(snapshot *replay.TrafficSnapshot, state *trafficpb.UploadState) *metav1.Status {
	message := fmt.Sprintf("%d bytes have come; the upload is not complete", state.GetOffset())
	if state.GetComplete() {
		message = fmt.Sprintf("the upload of %d bytes is complete; the snapshot will be ready in a moment", state.GetOffset())
	}
	return &metav1.Status{
		Status: metav1.StatusSuccess, Code: http.StatusOK, Message: message,
		Details: &metav1.StatusDetails{Name: snapshot.Name, Group: replay.GroupName, Kind: "trafficsnapshots", UID: snapshot.UID},
	}
}

// send hands a body on, and returns what the forwarder says to it and how many bytes of it there were. Only a body that has
// come to its end completes an upload. One that breaks off is an error, but what came of it is kept, and the state says how
// much that is.
func send(ctx context.Context, client trafficpb.SnapshotsClient, first *trafficpb.UploadChunk, body io.Reader) (state *trafficpb.UploadState, sent int64, err error) {
	stream, err := client.AppendUpload(ctx)
	if err != nil {
		return nil, 0, err
	}
	complete := first.GetComplete()
	var readErr error
	for chunk := first; readErr == nil; chunk = new(trafficpb.UploadChunk) {
		chunk.Data, readErr = readPiece(body)
		chunk.Complete = complete && errors.Is(readErr, io.EOF)
		if stream.Send(chunk) != nil {
			break // the cause comes with the answer
		}
		sent += int64(len(chunk.GetData()))
	}
	state, err = stream.CloseAndRecv()
	if err == nil && readErr != nil && !errors.Is(readErr, io.EOF) {
		err = broken(readErr)
	}
	return state, sent, err
}

// readPiece reads until a piece is full. The error is io.EOF only at the end of the body, also together with what came last;
// io.ReadFull does not tell an end from a break.
func readPiece(body io.Reader) ([]byte, error) {
	piece := make([]byte, pieceBytes)
	for n := 0; ; {
		m, err := body.Read(piece[n:])
		if n += m; err != nil || n == len(piece) {
			return piece[:n], err
		}
	}
}

// broken is the error of a body that ended too early, by itself or because its time was over.
func broken(err error) error {
	return apierrors.NewTimeoutError(fmt.Sprintf("the body broke off: %v; what has come is kept, go on from there with PATCH", err), 1)
}

// rightOffset returns the state that comes with the error of a wrong offset; nil with others.
func rightOffset(err error) *trafficpb.UploadState {
	if status.Code(err) != codes.OutOfRange {
		return nil
	}
	for _, detail := range status.Convert(err).Details() {
		if state, ok := detail.(*trafficpb.UploadState); ok {
			return state
		}
	}
	return nil
}
