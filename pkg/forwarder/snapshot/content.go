// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/restage-dev/restage/pkg/forwarder/ingest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/har"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// maxUploadRecords bounds the records of an upload.
const maxUploadRecords = 1_000_000

// place says where in an upload a record is.
type place struct {
	offset, length int64
	start          int64
	direction      trafficpb.Direction
}

// index goes through the content of an upload and returns where its records are. What is wrong with the content is an
// InvalidArgument status that names the line.
func (u *upload) index(ctx context.Context, ref *trafficpb.ObjectRef) ([]place, error) {
	file, err := os.Open(u.content())
	if err != nil {
		return nil, err
	}
	defer file.Close()
	archive, err := isArchive(file)
	if err != nil {
		return nil, err
	}
	var places []place
	seen := make(map[[sha256.Size]byte]bool)
	add := func(raw []byte, offset int64) error {
		record, err := u.parse(raw, archive, ref)
		if err != nil {
			return err
		}
		id := sha256.Sum256([]byte(record.GetId()))
		switch {
		case seen[id]:
			return fmt.Errorf("id: %q is that of an earlier record too", record.GetId())
		case len(places) == maxUploadRecords:
			return fmt.Errorf("there are more than %d records", maxUploadRecords)
		}
		seen[id] = true
		places = append(places, place{offset, int64(len(raw)), traffic.Start(record), record.GetDirection()})
		return ctx.Err()
	}
	if archive {
		err = scanArchive(file, add)
	} else {
		err = scanLines(file, add)
	}
	if err == nil && len(places) == 0 {
		err = errors.New("there is no record in it")
	}
	if err != nil && ctx.Err() == nil {
		err = status.Error(codes.InvalidArgument, err.Error())
	}
	return places, err
}

// parse reads a record and makes it one of the snapshot. The error begins with the field.
func (u *upload) parse(raw []byte, archive bool, ref *trafficpb.ObjectRef) (record *trafficpb.Record, err error) {
	if archive {
		record, err = har.Parse(raw, u.state.Port)
	} else {
		record, err = traffic.UnmarshalRecordJSON(raw)
	}
	if err != nil {
		return nil, err
	}
	if record.GetWorkload() == "" {
		record.Workload = u.state.Workload
	}
	if record.GetWorkload() != u.state.Workload {
		return nil, fmt.Errorf("workload: %q is not that of the snapshot, %q", record.GetWorkload(), u.state.Workload)
	}
	record.Namespace = ref.GetNamespace()
	if reason := ingest.Refusal(record); reason != "" {
		return nil, errors.New(reason)
	}
	return record, nil
}

// isArchive tells a HAR, which has one member, log, from records, which have none of that name.
func isArchive(file *os.File) (bool, error) {
	decoder := json.NewDecoder(io.LimitReader(file, 64<<10))
	opening, _ := decoder.Token()
	name, _ := decoder.Token() // what is neither is found out when it is read
	_, err := file.Seek(0, io.SeekStart)
	return opening == json.Delim('{') && name == "log", err
}

// scanLines hands over the lines that are not empty.
func scanLines(in io.Reader, each func(raw []byte, offset int64) error) error {
	reader := bufio.NewReaderSize(in, 1<<20)
	offset := int64(0)
	for number := 1; ; number++ {
		line, err := readLine(reader)
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", number, err)
		}
		if raw := bytes.TrimRightFunc(line, unicode.IsSpace); len(raw) > 0 {
			if err := each(raw, offset); err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
		}
		if err != nil {
			return nil
		}
		offset += int64(len(line))
	}
}

// readLine returns the next line with its end, and io.EOF with the last one.
func readLine(reader *bufio.Reader) (line []byte, err error) {
	for {
		part, err := reader.ReadSlice('\n')
		if len(line)+len(part) > har.MaxEntryBytes {
			return nil, fmt.Errorf("it has more than %d bytes", har.MaxEntryBytes)
		}
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
	}
}

// scanArchive hands over the entries of a HAR. Errors name the entry and its line.
func scanArchive(file *os.File, each func(raw []byte, offset int64) error) error {
	number, at := 0, int64(0)
	err := har.Scan(bufio.NewReaderSize(file, 1<<20), func(raw []byte, offset int64) error {
		number, at = number+1, offset
		if err := each(raw, offset); err != nil {
			return fmt.Errorf("entry %d: %w", number, err)
		}
		at = offset + int64(len(raw))
		return nil
	})
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = max(at, syntax.Offset)
	}
	line, lineErr := lineAt(file, at)
	return errors.Join(fmt.Errorf("line %d: %w", line, err), lineErr)
}

// lineAt returns the number of the line in which a byte is.
func lineAt(file *os.File, offset int64) (int, error) {
	reader := bufio.NewReader(io.NewSectionReader(file, 0, offset))
	for line := 1; ; {
		_, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return line, nil
		case err == nil:
			line++
		case !errors.Is(err, bufio.ErrBufferFull):
			return line, err
		}
	}
}
