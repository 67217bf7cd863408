// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

const (
	barWidth = 40
	// maxStep bounds what is said beside a spinner, so that it stays on one line.
	maxStep = 100
)

// terminal has one line at the bottom that moves: a spinner with the step, or a bar once something is counted.
type terminal struct {
	progress *mpb.Progress
	bar      *mpb.Bar
	counting bool
	step     atomic.Pointer[string]
	detail   atomic.Pointer[string]
}

func newTerminal(out io.Writer) *terminal {
	t := &terminal{progress: mpb.New(mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithRefreshRate(100*time.Millisecond), mpb.WithAutoRefresh())}
	t.step.Store(new(string))
	t.detail.Store(new(string))
	return t
}

func (t *terminal) Say(text string) { fmt.Fprintln(t.progress, text) }

func (t *terminal) Step(text string) {
	if r := []rune(text); len(r) > maxStep {
		text = string(r[:maxStep-1]) + "…"
	}
	t.step.Store(&text)
	if t.bar == nil || t.counting {
		t.drop()
		t.counting = false
		t.bar = t.progress.New(0, mpb.SpinnerStyle().PositionLeft(), mpb.BarWidth(1), mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + *t.step.Load() }), decor.Elapsed(decor.ET_STYLE_GO, decor.WC{W: 5})))
	}
}

func (t *terminal) Count(done, total int64, detail string) {
	if total <= 0 {
		return
	}
	t.detail.Store(&detail)
	if !t.counting {
		t.drop()
		t.counting = true
		// Born without a total, the bar does not complete by itself and stays until the next step.
		t.bar = t.progress.New(0, mpb.BarStyle(), mpb.BarRemoveOnComplete(),
			mpb.AppendDecorators(decor.CountersNoUnit(" %d / %d", decor.WCSyncWidth), decor.Percentage(decor.WC{W: 5}),
				decor.Any(func(decor.Statistics) string { return "  " + *t.detail.Load() })))
	}
	t.bar.SetTotal(total, false)
	t.bar.SetCurrent(done)
}

func (t *terminal) drop() {
	if t.bar != nil {
		t.bar.Abort(true)
		t.bar.Wait()
		t.bar = nil
	}
}

func (t *terminal) Close() {
	t.drop()
	t.progress.Wait()
}
