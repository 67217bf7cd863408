// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// Bounds of what is remembered; beyond them, what is longest unused is forgotten. A forgotten source may at worst send
// again what it was not acknowledged: readers drop records of the same id.
const (
	maxSources   = 65_536
	maxWorkloads = 16_384
)

// memory is what the journal knows of what it has taken. It is rebuilt from the log.
type memory struct {
	marks  *recent[Source, mark]
	totals *recent[Workload, Totals]
}

func newMemory() *memory {
	return &memory{marks: newRecent[Source, mark](maxSources), totals: newRecent[Workload, Totals](maxWorkloads)}
}

// learn takes in an entry at recovery.
func (m *memory) learn(entry []byte) error {
	e, err := decode(entry)
	if err != nil {
		return err
	}
	switch {
	case e.record != nil:
		m.advance(Source{e.record.GetPodUid(), e.record.GetProxyInstance()}, mark{Record: e.record.GetSequence()})
		m.count(workloadOf(e.record), totalsOf(e.record))
	case e.loss != nil:
		m.advance(Source{e.loss.PodUID, e.loss.ProxyInstance}, mark{Loss: e.loss.Sequence})
		m.count(lossWorkload(*e.loss), lossTotals(*e.loss))
	case e.mark != nil:
		m.advance(e.mark.Source, e.mark.mark)
	case e.totals != nil:
		m.totals.set(e.totals.Workload, e.totals.Totals) // it includes all before it
	}
	return nil
}

func (m *memory) advance(source Source, to mark) {
	at := m.marks.get(source)
	m.marks.set(source, mark{Record: max(at.Record, to.Record), Loss: max(at.Loss, to.Loss)})
}

func (m *memory) count(workload Workload, more Totals) {
	m.totals.set(workload, m.totals.get(workload).plus(more))
}

// checkpoint returns entries from which learn makes the same memory again.
func (m *memory) checkpoint() ([][]byte, error) {
	var entries [][]byte
	for source, at := range m.marks.all() {
		entry, err := encodeJSON(markEntry, markJSON{source, at})
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	for workload, totals := range m.totals.all() {
		entry, err := encodeJSON(totalsEntry, totalsJSON{workload, totals})
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

func workloadOf(r *trafficpb.Record) Workload { return Workload{r.GetNamespace(), r.GetWorkload()} }

func lossWorkload(l store.Loss) Workload { return Workload{l.Namespace, l.Workload} }

// lossTotals counts what was left out apart from what was lost.
func lossTotals(l store.Loss) Totals {
	if l.LeftOut {
		return Totals{LeftOut: Tally{l.Reason: l.Count}}
	}
	return Totals{Dropped: l.Count}
}

func totalsOf(r *trafficpb.Record) Totals {
	t := Totals{
		Records: 1, LastRecord: max(traffic.Start(r), traffic.End(r)), Redacted: tallyOf(r.GetRedactions()), Untouched: untouchedOf(r),
	}
	if len(r.GetDefects()) > 0 {
		t.Incomplete = 1
	}
	return t
}
