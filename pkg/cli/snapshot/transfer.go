// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/restage-dev/restage/pkg/cli/progress"
	"github.com/restage-dev/restage/pkg/cli/subresource"
)

// partBytes is the size of the parts that a file is sent in, so that each is there before a request is cut off.
const partBytes = 4 << 20

// Headers of resumable uploads.
const (
	headerOffset   = "Upload-Offset"
	headerComplete = "Upload-Complete"
	headerLength   = "Upload-Length"
)

// upload sends a file in parts.
type upload struct {
	client *subresource.Client
	name   string
	file   *os.File
	size   int64
	errOut io.Writer
}

// state is how far an upload is.
type state struct {
	offset   int64
	begun    bool
	complete bool
}

func (u *upload) send(ctx context.Context, resume bool) error {
	display := progress.New(u.errOut)
	defer display.Close()
	var at state
	if resume {
		var err error
		if at, err = u.look(ctx); err != nil {
			return err
		}
		if at.offset > u.size {
			return fmt.Errorf("--resume: %d bytes have come already, more than the file has; it is another file", at.offset)
		}
	}
	started, from := time.Now(), at.offset
	for !at.complete {
		var err error
		if at, err = u.part(ctx, at); err != nil {
			return fmt.Errorf("uploading: %w", err)
		}
		display.Count(at.offset, u.size, rate(at.offset-from, time.Since(started)))
	}
	return nil
}

// part sends one part and returns how far the upload is then. The last part completes it. When one breaks off, some of it may have come.
func (u *upload) part(ctx context.Context, at state) (state, error) {
	end := min(at.offset+partBytes, u.size)
	err := retry(ctx, u.errOut, func() error {
		if at.complete || at.offset > end {
			return nil
		}
		err := u.put(ctx, at, end-at.offset)
		if err != nil && mayPass(err) {
			if now, looking := u.look(ctx); looking == nil {
				at = now
			}
		}
		return err
	})
	if err != nil || at.complete || at.offset > end {
		return at, err
	}
	return state{offset: end, begun: true, complete: end == u.size}, nil
}

func (u *upload) put(ctx context.Context, at state, size int64) error {
	header := http.Header{
		"Content-Type": {"application/partial-upload"}, headerLength: {strconv.FormatInt(u.size, 10)},
		headerComplete: {map[bool]string{true: "?1", false: "?0"}[at.offset+size == u.size]},
	}
	method := http.MethodPost
	if at.begun {
		method = http.MethodPatch
		header.Set(headerOffset, strconv.FormatInt(at.offset, 10))
	}
	response, err := u.client.Do(ctx, subresource.Request{
		Method: method, Resource: resource, Name: u.name, Subresource: "upload", Header: header,
		Body: io.NewSectionReader(u.file, at.offset, size), Length: size,
	})
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// look asks how far the upload is.
func (u *upload) look(ctx context.Context) (state, error) {
	var at state
	err := retry(ctx, u.errOut, func() error {
		response, err := u.client.Do(ctx, subresource.Request{Method: http.MethodHead, Resource: resource, Name: u.name, Subresource: "upload"})
		if err != nil {
			return err
		}
		defer response.Body.Close()
		at.offset, err = strconv.ParseInt(response.Header.Get(headerOffset), 10, 64)
		at.complete = response.Header.Get(headerComplete) == "?1"
		at.begun = at.offset > 0
		return err
	})
	if err != nil {
		return state{}, fmt.Errorf("asking how much has come: %w", err)
	}
	return at, nil
}

func rate(bytes int64, took time.Duration) string {
	if took <= 0 {
		return ""
	}
	return fmt.Sprintf("%.1f MiB/s", float64(bytes)/(1<<20)/took.Seconds())
}
