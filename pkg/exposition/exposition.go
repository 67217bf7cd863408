// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package exposition shows numbers to Prometheus in its text format. The data plane uses it: its numbers are counted anyway and read
// when they are asked for, so that nothing is kept twice, and its binaries stay small.
package exposition

import (
	"bytes"
	"net/http"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"
)

// Kinds of families.
const (
	Counter = "counter"
	Gauge   = "gauge"
)

// Family is all samples of one name.
type Family struct {
	Name, Kind, Help string
	// Label is the name of the only label that the samples differ in; empty when there is one sample.
	Label   string
	Collect func() []Sample
}

// Sample is one number.
type Sample struct {
	Label string // value of the family's label
	Value float64
}

// Count is a counter without a label.
func Count(name, help string, value func() uint64) Family {
	return Family{Name: name, Kind: Counter, Help: help, Collect: func() []Sample { return []Sample{{Value: float64(value())}} }}
}

// Level is a gauge without a label.
func Level(name, help string, value func() float64) Family {
	return Family{Name: name, Kind: Gauge, Help: help, Collect: func() []Sample { return []Sample{{Value: value()}} }}
}

// Handler answers with the families, in their order.
func Handler(families ...Family) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(Text(families...)) // who does not listen any more needs no answer
	})
}

// Text is the families in the text format.
func Text(families ...Family) []byte {
	var out bytes.Buffer
	for _, f := range families {
		out.WriteString("# HELP " + f.Name + " " + escape(f.Help, false) + "\n# TYPE " + f.Name + " " + f.Kind + "\n")
		for _, sample := range f.Collect() {
			out.WriteString(f.Name)
			if f.Label != "" {
				out.WriteString("{" + f.Label + `="` + escape(sample.Label, true) + `"}`)
			}
			out.WriteString(" " + strconv.FormatFloat(sample.Value, 'g', -1, 64) + "\n")
		}
	}
	return out.Bytes()
}

func escape(text string, quoted bool) string {
	pairs := []string{`\`, `\\`, "\n", `\n`}
	if quoted {
		pairs = append(pairs, `"`, `\"`)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Process are the families about the process itself, by the names that all Prometheus clients use.
func Process(started time.Time) []Family {
	return []Family{
		Level("process_start_time_seconds", "Start time of the process in seconds since 1970.", func() float64 { return float64(started.UnixMilli()) / 1000 }),
		Level("go_goroutines", "Number of goroutines.", runtimeLevel("/sched/goroutines:goroutines")),
		Level("go_memstats_heap_alloc_bytes", "Bytes of objects on the heap.", runtimeLevel("/memory/classes/heap/objects:bytes")),
		Level("go_memstats_sys_bytes", "Bytes of memory that the Go runtime has from the system.", runtimeLevel("/memory/classes/total:bytes")),
	}
}

func runtimeLevel(name string) func() float64 {
	return func() float64 {
		sample := []metrics.Sample{{Name: name}}
		metrics.Read(sample)
		return float64(sample[0].Value.Uint64())
	}
}
