// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"slices"
	"time"

	"github.com/zeebo/xxh3"
)

const (
	// leastRecords is the number of records that an operation must have before a field of it is called volatile.
	leastRecords = 5
	// nearlyEvery is the percentage of the records of an operation that must hold a field, and of its values that must look
	// volatile and differ from each other, for the field to be volatile.
	nearlyEvery = 90
	// mostFields of one operation are learned; more have names that are themselves data.
	mostFields = 1000
)

// learner finds the volatile fields of each operation.
type learner struct {
	operations map[Key]*operationFields
}

type operationFields struct {
	records int
	fields  map[string]*fieldValues
}

type fieldValues struct {
	values  int      // in all records
	records int      // that hold the field
	last    int      // number of the last record that holds it
	noisy   []uint64 // hashes of the values that look volatile
}

// add takes the fields of one request, sent at the given time.
func (l *learner) add(c *canonical, at time.Time) {
	key := c.operation()
	o := l.operations[key]
	if o == nil {
		o = &operationFields{fields: map[string]*fieldValues{}}
		l.operations[key] = o
	}
	o.records++
	c.eachField(func(path []byte, kind byte, value []byte) {
		if len(path) > longestPath {
			return
		}
		f := o.fields[string(path)]
		if f == nil {
			if len(o.fields) == mostFields {
				return
			}
			f = &fieldValues{}
			o.fields[string(path)] = f
		}
		f.values++
		if f.last != o.records {
			f.last = o.records
			f.records++
		}
		if isVolatile(kind, value, at) {
			f.noisy = append(f.noisy, xxh3.Hash(value))
		}
	})
}

// volatile returns the volatile fields by operation; operations without any are left out.
func (l *learner) volatile() map[Key]fieldSet {
	found := map[Key]fieldSet{}
	for key, o := range l.operations {
		if o.records < leastRecords {
			continue
		}
		fields := fieldSet{}
		for path, f := range o.fields {
			if f.isVolatile(o.records) {
				fields[path] = struct{}{}
			}
		}
		if len(fields) > 0 {
			found[key] = fields
		}
	}
	return found
}

func (f *fieldValues) isVolatile(records int) bool {
	if f.records*100 < records*nearlyEvery || len(f.noisy)*100 < f.values*nearlyEvery {
		return false
	}
	slices.Sort(f.noisy)
	return len(slices.Compact(f.noisy))*100 >= f.values*nearlyEvery
}
