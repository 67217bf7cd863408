// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// A segment file is the magic and then blocks. A block is a header of 12 bytes, little endian (length of the payload,
// length of its content, crc32c of both lengths and the payload), and the payload: one zstd frame. Its content is a series
// of entries, each with its length before it as an unsigned varint.
const (
	magic       = "restage1"
	headerBytes = 12

	// blockBytes is the size of a block before compression; only a single larger entry makes a larger block.
	blockBytes = 256 << 10
	// MaxEntryBytes bounds an entry.
	MaxEntryBytes = 4 << 20
	// maxContent is what a block may have: one largest entry and its length.
	maxContent = MaxEntryBytes + binary.MaxVarintLen64
	// maxPayload allows for content that does not compress.
	maxPayload = maxContent + 64<<10
)

// errBroken says that a segment does not go on with a whole block.
var errBroken = errors.New("no whole block")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(lengths, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(lengths, castagnoli), castagnoli, payload)
}

// encoder turns contents into blocks. The returned block is good until the next one.
type encoder struct {
	zstd  *zstd.Encoder
	block []byte
}

func newEncoder() (*encoder, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	return &encoder{zstd: e}, nil
}

func (e *encoder) encode(content []byte) []byte {
	if cap(e.block) < headerBytes {
		e.block = make([]byte, headerBytes, blockBytes)
	}
	e.block = e.zstd.EncodeAll(content, e.block[:headerBytes])
	binary.LittleEndian.PutUint32(e.block[0:], uint32(len(e.block)-headerBytes))
	binary.LittleEndian.PutUint32(e.block[4:], uint32(len(content)))
	binary.LittleEndian.PutUint32(e.block[8:], checksum(e.block[:8], e.block[headerBytes:]))
	return e.block
}

// readSegment hands over the entries of a segment, each good only during the call. It returns the length of the part that
// is whole, and an error that wraps errBroken when the segment goes on after it with something else.
func readSegment(in io.Reader, each func(entry []byte) error) (whole int64, err error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxContent))
	if err != nil {
		return 0, err
	}
	defer decoder.Close()
	buffered := bufio.NewReaderSize(in, 64<<10)
	var start [len(magic)]byte
	if _, err := io.ReadFull(buffered, start[:]); err != nil || string(start[:]) != magic {
		return 0, fmt.Errorf("%w: the file does not begin with %q", errBroken, magic)
	}
	whole = int64(len(magic))
	var payload, content []byte
	for {
		payload, content, err = readBlock(buffered, decoder, payload, content)
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
		if err := eachEntry(content, each); err != nil {
			return whole, err
		}
		whole += int64(headerBytes + len(payload))
	}
}

// readBlock reads a block into buffers that it may replace. The error is io.EOF only where a block would begin.
func readBlock(in io.Reader, decoder *zstd.Decoder, payload, content []byte) (p, c []byte, err error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(in, header[:]); errors.Is(err, io.EOF) {
		return payload, content, io.EOF
	} else if err != nil {
		return payload, content, broken(err, "the header of a block")
	}
	length, contentLength := binary.LittleEndian.Uint32(header[0:]), binary.LittleEndian.Uint32(header[4:])
	if length == 0 || length > maxPayload || contentLength > maxContent {
		return payload, content, fmt.Errorf("%w: a block says to have %d bytes of %d", errBroken, length, contentLength)
	}
	if cap(payload) < int(length) {
		payload = make([]byte, length)
	}
	payload = payload[:length]
	if _, err := io.ReadFull(in, payload); err != nil {
		return payload, content, broken(err, "a block")
	}
	if checksum(header[:8], payload) != binary.LittleEndian.Uint32(header[8:]) {
		return payload, content, fmt.Errorf("%w: checksum", errBroken)
	}
	content, err = decoder.DecodeAll(payload, content[:0])
	if err != nil || len(content) != int(contentLength) {
		return payload, content, fmt.Errorf("%w: a block of %d bytes is not %d bytes: %w", errBroken, len(content), contentLength, err)
	}
	return payload, content, nil
}

// broken tells the end of the file within a block from a failure to read.
func broken(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the file ends within %s", errBroken, what)
	}
	return fmt.Errorf("reading %s: %w", what, err)
}

func eachEntry(content []byte, each func(entry []byte) error) error {
	for len(content) > 0 {
		length, n := binary.Uvarint(content)
		if n <= 0 || length > uint64(len(content)-n) {
			return fmt.Errorf("%w: an entry goes beyond its block", errBroken)
		}
		end := n + int(length)
		if err := each(content[n:end]); err != nil {
			return err
		}
		content = content[end:]
	}
	return nil
}
