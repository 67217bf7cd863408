// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package websocket

import "time"

// Part is a recorded message.
type Part struct {
	Kind    uint8
	Payload []byte
	At      int64 // Unix nanoseconds
}

// IsData tells what is said from pings, pongs and the end.
func (p *Part) IsData() bool { return p.Kind&controlBit == 0 }

// Step is a recorded message with what it waits for.
type Step struct {
	Part
	// After is the number of messages of the other side, without control messages, that came before it.
	After int
	// Delay is the time since what came before, from either side; of the first message since the start.
	Delay time.Duration
}

// Script is a recorded conversation as whoever plays one side needs it.
type Script struct {
	// Steps are what that side says of itself. Pongs are not among them, nor an end that answers that of the other side: they come when
	// what they answer comes.
	Steps []Step
	// Answers are what the other side says, without control messages.
	Answers []Part
	// OtherEnds tells that the other side said that it ends.
	OtherEnds bool
}

// NewScript relates the messages of two sides, each in order, by their times. Start is when the WebSocket began.
func NewScript(start int64, played, other []Part) *Script {
	s := &Script{}
	last := start
	for len(played)+len(other) > 0 {
		if len(played) == 0 || len(other) > 0 && other[0].At <= played[0].At {
			if other[0].IsData() {
				s.Answers = append(s.Answers, other[0])
				last = other[0].At
			}
			s.OtherEnds = s.OtherEnds || other[0].Kind&opcodeBits == Close
			other = other[1:]
			continue
		}
		p := played[0]
		played = played[1:]
		if opcode := p.Kind & opcodeBits; opcode == Pong || opcode == Close && s.OtherEnds {
			continue
		}
		step := Step{Part: p, After: len(s.Answers)}
		if last != 0 && p.At > last {
			step.Delay = time.Duration(p.At - last)
		}
		s.Steps = append(s.Steps, step)
		last = p.At
	}
	return s
}
