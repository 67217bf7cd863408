// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/restage-dev/restage/pkg/protocol/opaque"
)

// Conversation follows one connection by its bytes along the recorded ones to its destination. It belongs to one goroutine.
type Conversation struct {
	index    *Index
	scripts  []*script // of the destination, ordered
	from, to int       // of scripts whose client began with all bytes so far
	current  int       // of the script that is played; -1 before the first word of the server
	claimed  bool      // the current script was taken by this conversation
	sent     int       // bytes of the client
	said     []byte    // by the server
	// answered is how much the client had sent when the server began to speak last; -1 before.
	answered int
	step     int // of current that is next
}

// Cue is what is to be done next in a conversation.
type Cue int

// Cues of a conversation.
const (
	Listen Cue = iota // the client is to speak
	Unsure            // in some recordings the client goes on here, in others the server speaks
	Speak             // the server is to speak
	End               // the recording is over
)

// Converse begins a conversation with host:port.
func (x *Index) Converse(host string, port uint32) *Conversation {
	c := &Conversation{index: x, current: -1, answered: -1}
	if d, ok := x.destinations[Destination(host, port)]; ok {
		c.scripts, c.to = d.scripts, len(d.scripts)
	}
	return c
}

// Take takes what the client said. It is false when no recorded client said the same; the conversation is over then.
func (c *Conversation) Take(b []byte) bool {
	from, to := c.search(b)
	if from == to {
		return false
	}
	c.from, c.to = from, to
	c.sent += len(b)
	return true
}

// search finds the scripts whose client goes on with b.
func (c *Conversation) search(b []byte) (from, to int) {
	compare := func(s *script) int {
		rest := s.Client[c.sent:]
		return bytes.Compare(rest[:min(len(rest), len(b))], b)
	}
	scripts := c.scripts[c.from:c.to]
	from = sort.Search(len(scripts), func(i int) bool { return compare(scripts[i]) >= 0 })
	to = from + sort.Search(len(scripts)-from, func(i int) bool { return compare(scripts[from+i]) > 0 })
	return c.from + from, c.from + to
}

// Cue tells how it goes on. Settled says that the client waits for an answer.
func (c *Conversation) Cue(settled bool) Cue {
	if c.follows() && c.step < len(c.played().Steps) && c.played().Steps[c.step].After == c.answered {
		return Speak // the rest of a turn
	}
	if c.follows() && c.sent == c.answered { // nothing was said that another script could answer better
		if c.ready(c.current) {
			return End
		}
		return Listen
	}
	ready, longer := false, false
	for i := c.from; i < c.to && !(ready && longer); i++ {
		if c.ready(i) {
			ready = true
		} else {
			longer = true
		}
	}
	switch {
	case !ready:
		return Listen
	case longer && !settled:
		return Unsure
	}
	for !c.choose() { // another conversation was faster
	}
	if c.step < len(c.played().Steps) {
		return Speak
	}
	return End
}

// follows tells whether there is a current script, and it agrees with the client so far.
func (c *Conversation) follows() bool { return c.from <= c.current && c.current < c.to }

func (c *Conversation) played() *script { return c.scripts[c.current] }

// ready tells whether nothing more of the client comes in a script before its server speaks, or its end.
func (c *Conversation) ready(i int) bool {
	s, step := c.scripts[i], c.position(i)
	if step < len(s.Steps) {
		return s.Steps[step].After <= c.sent
	}
	return len(s.Client) <= c.sent
}

// position is the number of the steps that come no later in the conversation than what was said.
func (c *Conversation) position(i int) int {
	if i == c.current {
		return c.step
	}
	steps := c.scripts[i].Steps
	return sort.Search(len(steps), func(i int) bool { return steps[i].After > c.answered })
}

// Step is what the server is to say, after Cue was Speak. The next one is another.
func (c *Conversation) Step() opaque.Step {
	step := c.played().Steps[c.step]
	c.answered = step.After
	c.said = append(c.said, step.Bytes...)
	c.step++
	return step
}

// Record is the one that is played, after Cue was Speak or End.
func (c *Conversation) Record() Match {
	number := c.played().number
	return Match{Number: int(number), Record: c.index.records[number], Tier: Exact}
}

// Empty tells whether there is nothing to play.
func (c *Conversation) Empty() bool { return len(c.scripts) == 0 }

// BetweenTurns tells whether the client has said nothing since the server spoke.
func (c *Conversation) BetweenTurns() bool { return c.sent == max(c.answered, 0) }

// choose claims the script that is played: the one so far if it may speak, else the next that was not played yet, and after the
// last the last again; scripts whose server said the same so far come before others. It is false when another conversation
// claimed the script meanwhile.
func (c *Conversation) choose() bool {
	if c.follows() && c.ready(c.current) {
		return true
	}
	best, rank := -1, 0
	for i := c.from; i < c.to; i++ {
		if !c.ready(i) {
			continue
		}
		if r := c.rank(i); best < 0 || r > rank || r == rank && (c.scripts[i].number < c.scripts[best].number) == (r&isUnused != 0) {
			best, rank = i, r
		}
	}
	claimed := rank&isUnused != 0
	if claimed && !c.index.use(c.scripts[best].number) {
		return false
	}
	step := c.position(best)
	if c.claimed {
		c.index.unuse(c.played().number)
	}
	c.current, c.claimed, c.step = best, claimed, step
	return true
}

// What makes a script preferable, from the least on.
const (
	isUnused = 1 << iota // it was not played yet
	isSame               // its server said the same so far
)

func (c *Conversation) rank(i int) int {
	r := 0
	if !c.index.used[c.scripts[i].number].Load() {
		r |= isUnused
	}
	if c.saidIn(i) {
		r |= isSame
	}
	return r
}

func (c *Conversation) saidIn(i int) bool {
	said := c.said
	for _, step := range c.scripts[i].Steps[:c.position(i)] {
		rest, ok := bytes.CutPrefix(said, step.Bytes)
		if !ok {
			return false
		}
		said = rest
	}
	return len(said) == 0
}

// Difference says where the client left the recording with b, which Take refused: the turn and the offset in it.
func (c *Conversation) Difference(b []byte) string {
	if c.from == c.to {
		return ""
	}
	at, _ := c.search(b)
	var nearest *script
	common := -1
	for i := max(at-1, c.from); i <= min(at, c.to-1); i++ {
		if n := commonBytes(c.scripts[i].Client[c.sent:], b); n > common {
			nearest, common = c.scripts[i], n
		}
	}
	record := c.index.records[nearest.number].GetId()
	if c.sent+common == len(nearest.Client) {
		return fmt.Sprintf("the client sent %d bytes more than was recorded (%s)", len(b)-common, record)
	}
	turn, offset := nearest.Place(c.sent + common)
	return fmt.Sprintf("turn %d of the client differs at byte %d from the nearest recorded connection, %s", turn, offset, record)
}

// Missing says what the client left out when it was to go on.
func (c *Conversation) Missing() string {
	s := c.scripts[c.from]
	turn, offset := s.Place(c.sent)
	return fmt.Sprintf("turn %d of the client ended after %d bytes, but goes on in the recorded connection %s", turn, offset, c.index.records[s.number].GetId())
}

func commonBytes(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
