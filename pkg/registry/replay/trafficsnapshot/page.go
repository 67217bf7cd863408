// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/har"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// page is an answer being written. It is held as a whole, since only its end tells the token that comes before it.
type page struct {
	body    bytes.Buffer
	archive *har.Writer // nil for NDJSON
	records int
	next    string
	// types reads the types of the snapshot's gRPC messages, once and only when there is one.
	types func() (*descriptor.Set, error)
}

func newPage(mediaType, version string, types func() (*descriptor.Set, error)) (p *page, err error) {
	p = &page{types: sync.OnceValues(types)}
	if mediaType == har.MediaType {
		p.archive, err = har.NewWriter(&p.body, version)
	}
	return p, err
}

func (p *page) add(record *trafficpb.Record) error {
	p.records++
	if p.archive != nil {
		return p.archive.Write(record)
	}
	var types *descriptor.Set
	if record.GetProtocol() == traffic.ProtocolGRPC {
		var err error
		if types, err = p.types(); err != nil {
			return err
		}
	}
	line, err := traffic.MarshalRecordJSON(record, types)
	if err != nil {
		return fmt.Errorf("writing record %s as JSON: %w", record.GetId(), err)
	}
	p.body.Write(line)
	p.body.WriteByte('\n')
	return nil
}

// close ends the page with the token for the next one, if any.
func (p *page) close(next string) error {
	p.next = next
	if p.archive != nil {
		return p.archive.Close(next)
	}
	return nil
}
