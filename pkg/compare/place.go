// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"strconv"

	"github.com/restage-dev/restage/pkg/protocol/protobuf"
)

// Place is where in a JSON document a value lies. The zero value is the document itself. Going down and up again takes no memory.
type Place struct{ at place }

// Reset goes back to the document itself.
func (p *Place) Reset() { p.at = p.at[:0] }

// Member goes down to a member of an object.
func (p *Place) Member(name string) { p.at = append(p.at, step{kind: member, name: name}) }

// Element goes down to an element of a list.
func (p *Place) Element(index int) { p.at = append(p.at, step{kind: element, index: index}) }

// Message goes down to a message of a call.
func (p *Place) Message(index int) { p.at = append(p.at, step{kind: message, index: index}) }

// Field goes down to a field of a message.
func (p *Place) Field(f *protobuf.Field) { p.at = append(p.at, fieldStep(f)) }

func fieldStep(f *protobuf.Field) step {
	return step{kind: member, name: strconv.Itoa(int(f.Number)), declared: f.Declared}
}

// Up goes up one level.
func (p *Place) Up() { p.at = p.at[:len(p.at)-1] }

// Depth is the number of levels below the document.
func (p *Place) Depth() int { return len(p.at) }

// Covers tells whether the path selects the place or something above it.
func (p Path) Covers(at *Place) bool { return p.covers(at.at) }
