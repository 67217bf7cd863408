// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// Progress shows how far a wait has come.
type Progress interface {
	// Show is given the statuses of all conditions, in the same order each time.
	Show([]Status)
	// Done ends the showing.
	Done()
}

// NewProgress draws in a terminal, and elsewhere writes a line whenever something has changed.
func NewProgress(out io.Writer) Progress {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		return &drawing{out: out}
	}
	return &lines{out: out}
}

type lines struct {
	out  io.Writer
	last map[string]string
}

func (l *lines) Show(statuses []Status) {
	if l.last == nil {
		l.last = map[string]string{}
	}
	for _, status := range statuses {
		if line := status.Name + ": " + status.Detail; l.last[status.Name] != line {
			l.last[status.Name] = line
			fmt.Fprintln(l.out, line)
		}
	}
}

func (l *lines) Done() {}

// frames of the spinner before what is not ready.
var frames = []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")

const frameTime = 120 * time.Millisecond

// drawing has one row a condition and draws it again until all are done.
type drawing struct {
	out   io.Writer
	start time.Time

	mu       sync.Mutex
	statuses []Status
	progress *mpb.Progress
	bars     []*mpb.Bar
}

func (d *drawing) Show(statuses []Status) {
	d.mu.Lock()
	d.statuses = statuses
	d.mu.Unlock()
	if d.progress != nil {
		return
	}
	d.start = time.Now()
	d.progress = mpb.New(mpb.WithOutput(d.out), mpb.WithRefreshRate(frameTime))
	for i := range statuses {
		row := decor.Any(func(decor.Statistics) string { return d.row(i) })
		d.bars = append(d.bars, d.progress.MustAdd(1, nil, mpb.BarFillerTrim(), mpb.PrependDecorators(row)))
	}
}

func (d *drawing) row(i int) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	status, waited := d.statuses[i], time.Since(d.start)
	mark := string(frames[int(waited/frameTime)%len(frames)])
	if status.Ready {
		mark = "✓"
	}
	return fmt.Sprintf("  %s %s  %s", mark, status.Name, status.Detail)
}

func (d *drawing) Done() {
	if d.progress == nil {
		return
	}
	for _, bar := range d.bars {
		bar.Abort(false) // false: what was drawn stays
	}
	d.progress.Wait()
}
