// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package coding undoes and does the content codings of HTTP: gzip, deflate, br and zstd.
package coding

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

var (
	// ErrUnknown is the error of a content coding that is not one of ours.
	ErrUnknown = errors.New("content coding is not known")
	// ErrTooLong is the error of a body that is longer than is allowed when it is decoded.
	ErrTooLong = errors.New("decoded body is too long")
)

// window bounds the memory, in bytes, that the decoder of zstd takes for what it may refer back to. Browsers and curl allow as much.
const window = 8 << 20

// mostCodings bounds how many codings may lie one over the other.
const mostCodings = 3

// List returns the codings of a Content-Encoding header in the order in which they were applied, in lower case; none for identity.
func List(header string) []string {
	var codings []string
	for item := range strings.SplitSeq(header, ",") {
		if item = strings.ToLower(strings.TrimSpace(item)); item != "" && item != "identity" {
			codings = append(codings, item)
		}
	}
	return codings
}

// Decode undoes all codings of a Content-Encoding header. Neither result nor anything between is longer than limit bytes. With an
// error it returns what could be decoded up to there, which is all there is of a body that was cut.
func Decode(header string, body []byte, limit int64) ([]byte, error) {
	codings := List(header)
	if len(codings) > mostCodings {
		return nil, fmt.Errorf("%w: %d of them", ErrUnknown, len(codings))
	}
	for _, coding := range slices.Backward(codings) {
		var err error
		if body, err = decode(coding, body, limit); err != nil {
			return body, fmt.Errorf("decoding %s: %w", coding, err)
		}
	}
	return body, nil
}

func decode(coding string, body []byte, limit int64) ([]byte, error) {
	r, err := open(coding, body)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, limit+1))
	if int64(len(out)) > limit {
		return out[:limit], ErrTooLong
	}
	return out, err
}

func open(coding string, body []byte) (io.ReadCloser, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		// The standard means the zlib format; some servers send bare deflate.
		if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			return z, nil
		}
		return flate.NewReader(bytes.NewReader(body)), nil
	case "br":
		return io.NopCloser(brotli.NewReader(bytes.NewReader(body))), nil
	case "zstd":
		d, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, coding)
}

// Encode does all codings of a Content-Encoding header. The bytes differ from those that another program makes of the same body.
func Encode(header string, body []byte) ([]byte, error) {
	for _, coding := range List(header) {
		var out bytes.Buffer
		w, err := create(coding, &out)
		if err == nil {
			_, err = w.Write(body)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", coding, err)
		}
		body = out.Bytes()
	}
	return body, nil
}

func create(coding string, out io.Writer) (io.WriteCloser, error) {
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewWriter(out), nil
	case "deflate":
		return zlib.NewWriter(out), nil
	case "br":
		return brotli.NewWriterLevel(out, brotli.DefaultCompression), nil
	case "zstd":
		return zstd.NewWriter(out, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, coding)
}
