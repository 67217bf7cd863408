// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package progress shows how far something is: a bar in a terminal, else a line whenever something has changed.
package progress

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// Display shows how far one thing is. Its methods are called by one goroutine at a time.
type Display interface {
	// Say prints a line that stays.
	Say(text string)
	// Step tells what is being waited for. The same again changes nothing.
	Step(text string)
	// Count tells how much of it is done, with a detail such as a rate.
	Count(done, total int64, detail string)
	// Close takes away what does not stay. Nothing may follow.
	Close()
}

// New returns a Display for a terminal when out is one, else for a log.
func New(out io.Writer) Display {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return newTerminal(out)
	}
	return &lines{out: out}
}

// linesEvery is how many percent lie between two lines about the same count.
const linesEvery = 10

type lines struct {
	out     io.Writer
	step    string
	percent int64
}

func (l *lines) Say(text string) { fmt.Fprintln(l.out, text) }

func (l *lines) Step(text string) {
	if text != l.step {
		l.step, l.percent = text, 0
		fmt.Fprintln(l.out, text)
	}
}

func (l *lines) Count(done, total int64, detail string) {
	if total <= 0 {
		return
	}
	percent := 100 * done / total / linesEvery * linesEvery
	if percent <= l.percent {
		return
	}
	l.percent = percent
	if detail != "" {
		detail = ", " + detail
	}
	fmt.Fprintf(l.out, "%d of %d (%d%%)%s\n", done, total, 100*done/total, detail)
}

func (l *lines) Close() {}
