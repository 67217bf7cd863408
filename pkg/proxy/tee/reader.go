// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package tee

import "bufio"

// bufferSize is that of a Reader's buffer, and so the longest way that times have to be remembered.
const bufferSize = 4096

// Reader reads a stream and knows when each of the last bytes came. It is used by one goroutine.
type Reader struct {
	*bufio.Reader
	stream *Stream
	offset int   // into the first chunk of the stream
	read   int64 // bytes read into the buffer, all in all
	marks  []mark
}

// mark says when the bytes before end, and after the end of the mark before, came.
type mark struct {
	end int64
	at  int64
}

// NewReader returns the only reader of a stream.
func NewReader(s *Stream) *Reader {
	r := &Reader{stream: s}
	r.Reader = bufio.NewReaderSize(source{r}, bufferSize)
	return r
}

// source is what the buffer of a Reader is filled from.
type source struct{ reader *Reader }

// Read reads what came in one piece at most.
func (s source) Read(p []byte) (int, error) {
	r := s.reader
	n, at, done, err := r.stream.read(p, r.offset)
	if err != nil {
		return 0, err
	}
	r.offset += n
	if done {
		r.offset = 0
	}
	r.read += int64(n)
	r.remember(at)
	return n, nil
}

func (r *Reader) remember(at int64) {
	if last := len(r.marks) - 1; last >= 0 && r.marks[last].at == at {
		r.marks[last].end = r.read
		return
	}
	old := 0
	for old < len(r.marks) && r.marks[old].end < r.read-bufferSize {
		old++
	}
	r.marks = append(r.marks[:copy(r.marks, r.marks[old:])], mark{r.read, at})
}

// LastAt returns when the byte that was taken last from the reader came, in Unix nanoseconds.
func (r *Reader) LastAt() int64 { return r.at(r.read - int64(r.Buffered()) - 1) }

// NextAt returns when the next byte came, which must be in the buffer (see Peek).
func (r *Reader) NextAt() int64 { return r.at(r.read - int64(r.Buffered())) }

func (r *Reader) at(offset int64) int64 {
	for _, m := range r.marks {
		if offset < m.end {
			return m.at
		}
	}
	return 0
}

// Taken returns the number of bytes that were taken from the reader.
func (r *Reader) Taken() int64 { return r.read - int64(r.Buffered()) }

// Came returns the number of bytes that have come, read or not. Any goroutine may ask.
func (r *Reader) Came() int64 { return r.stream.Written() }

// NextPiece waits for more and returns what is buffered of it that came at one time, and when. It is valid until the next read,
// and is taken with Discard.
func (r *Reader) NextPiece() (piece []byte, at int64, err error) {
	if _, err := r.Peek(1); err != nil {
		return nil, 0, err
	}
	offset, size := r.read-int64(r.Buffered()), r.Buffered()
	for _, m := range r.marks {
		if offset < m.end {
			at, size = m.at, min(size, int(m.end-offset))
			break
		}
	}
	piece, _ = r.Peek(size) // cannot fail
	return piece, at, nil
}

// Close drops what is not read yet. The stream takes nothing any more.
func (r *Reader) Close() { r.stream.close() }

// Stream returns what is read.
func (r *Reader) Stream() *Stream { return r.stream }
