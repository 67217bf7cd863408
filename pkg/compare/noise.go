// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/restage-dev/restage/pkg/protocol/http1"
)

// Noise knows what differs between recorded answers to the same request, by operation: that cannot be
// held against a replay. The zero value knows nothing.
type Noise struct {
	learned map[noisePlace]noiseKinds
}

// NoiseField is a field that is noise in the answers of one operation: a JSON path in which [*] stands for every
// element, header.<Name>, or body for a whole body that is not JSON.
type NoiseField struct {
	Operation string `json:"operation"`
	Field     string `json:"field"`
}

type noisePlace struct{ operation, field string }

// noiseKinds are the ways in which the values of a place differ.
type noiseKinds struct{ value, presence, kind bool }

// Learn compares two recorded answers, of the same status, to the same request. The identity names the pods that
// gave the one and the other; of is as in Compare.
func (n *Noise) Learn(operation string, of protoreflect.MessageDescriptor, headers []string, one, other *http1.Message, id Identity) {
	c := Comparer{Headers: headers}
	c.each(of, one, other, id, func(d found) {
		if d.kind == KindStatus {
			return
		}
		n.add(noisePlace{operation, d.field(true)}, d.kind)
	})
}

func (n *Noise) add(at noisePlace, kind Kind) {
	if n.learned == nil {
		n.learned = map[noisePlace]noiseKinds{}
	}
	kinds := n.learned[at]
	switch kind {
	case KindMissing, KindExtra:
		kinds.presence = true
	case KindType:
		kinds.kind = true
	default:
		kinds.value = true
	}
	n.learned[at] = kinds
}

// covers tells whether a difference is of a way that was seen at that place in the recording. Where the recording
// has values of several types, nothing below is compared.
func (n *Noise) covers(operation string, d found) bool {
	if n == nil || len(n.learned) == 0 {
		return false
	}
	for depth := range d.at {
		if n.learned[noisePlace{operation, d.at[:depth].general()}].kind {
			return true
		}
	}
	kinds := n.learned[noisePlace{operation, d.field(true)}]
	switch d.kind {
	case KindMissing, KindExtra:
		return kinds.presence
	case KindType:
		return kinds.kind
	default:
		return kinds.value || kinds.kind
	}
}

// Fields lists what was learned, in order.
func (n *Noise) Fields() []NoiseField {
	var fields []NoiseField
	for at := range n.learned {
		fields = append(fields, NoiseField{Operation: at.operation, Field: at.field})
	}
	slices.SortFunc(fields, func(a, b NoiseField) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Field, b.Field))
	})
	return fields
}
