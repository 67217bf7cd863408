// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// output prints tables in Markdown, so that they can be put into docs/ as they are.
type output struct{ io.Writer }

func (o output) head(first, second string) {
	fmt.Fprintf(o, "\n| operation | %s p50 | p99 | CPU | %s p50 | p99 | CPU | ratio p50 | p99 | CPU |\n|---|---|---|---|---|---|---|---|---|---|\n", first, second)
}

// row prints what both took, and the first divided by the second.
func (o output) row(name string, first, second *measured) {
	fmt.Fprintf(o, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name,
		short(first.quantile(0.5)), short(first.quantile(0.99)), short(first.cpuEach()),
		short(second.quantile(0.5)), short(second.quantile(0.99)), short(second.cpuEach()),
		ratio(first.quantile(0.5), second.quantile(0.5)), ratio(first.quantile(0.99), second.quantile(0.99)), ratio(first.cpuEach(), second.cpuEach()))
}

func (o output) line(format string, args ...any) {
	fmt.Fprintf(o, format+"\n", args...)
}

func ratio(a, b time.Duration) string {
	if b <= 0 {
		return "n/a"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func short(d time.Duration) string {
	if d >= 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func mebibytes(bytes int64) string {
	return fmt.Sprintf("%d MiB", bytes>>20)
}
