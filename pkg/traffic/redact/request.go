// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"

	"github.com/restage-dev/restage/pkg/protocol/coding"
)

// Request is what of a request is compared with recorded ones.
type Request struct {
	Path, Query                  string // raw
	ContentType, ContentEncoding string
	MessageEncoding              string // of gRPC
	Body                         []byte
	Truncated                    bool
}

// Request redacts a request. A body that can be decoded is, so that it compares with one that was compressed elsewhere.
func (r *Redactor) Request(q *Request) {
	p := r.passes.Get().(*pass)
	defer p.release()
	p.of = r.types.Request(q.Path)
	if out, changed := p.path([]byte(q.Path)); changed {
		q.Path = string(out)
	}
	if out, changed := p.parameters([]byte(q.Query)); changed {
		q.Query = string(out)
	}
	if len(q.Body) == 0 {
		return
	}
	if len(coding.List(q.ContentEncoding)) > 0 {
		plain, err := p.decode(q.ContentEncoding, q.Body, q.Truncated)
		if err != nil || q.Truncated {
			return
		}
		q.Body, q.ContentEncoding = plain, ""
	}
	q.Body, _ = p.content([]byte(q.ContentType), []byte(q.MessageEncoding), q.Body, q.Truncated)
}

// KeyedHash is what stands for the hash of a body that was cut and had secrets.
func (r *Redactor) KeyedHash(hash []byte) []byte {
	sum := r.sum(hash, 0)
	return bytes.Clone(sum[:])
}
