// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
)

// synthetic is where the addresses of recorded names come from: the range for benchmarks of RFC 2544. Where no rules lead
// connections to the proxy they are local instead, so that the proxy can listen there.
var (
	synthetic      = netip.MustParsePrefix("198.18.0.0/15")
	syntheticLocal = netip.MustParsePrefix("127.18.0.0/15")
)

const (
	maxNames        = 1<<17 - 2 // addresses of synthetic, without its first and last
	maxRefusedNames = 100
)

// Names knows the names in the recording, and gives each an address that stays the same as long as the process lives.
type Names struct {
	search []string   // search domains of the pod, each with a leading dot
	base   netip.Addr // of the addresses

	mu       sync.Mutex
	loaded   bool
	recorded map[string]netip.Addr // invalid until it is asked for
	byAddr   map[netip.Addr]string
	refused  []string // names that were asked for and are not recorded, the first ones
}

// NewNames returns an empty table. search are the search domains of the pod.
func NewNames(search []string) *Names { return newNames(search, synthetic) }

// newNames has the addresses come from a prefix of 15 bits.
func newNames(search []string, addresses netip.Prefix) *Names {
	n := &Names{base: addresses.Addr(), byAddr: map[netip.Addr]string{}}
	for _, domain := range search {
		if domain = canonical(domain); domain != "" {
			n.search = append(n.search, "."+domain)
		}
	}
	// The longest goes first: "x.ns.svc.cluster.local" is "x" and not "x.ns.svc".
	slices.SortStableFunc(n.search, func(a, b string) int { return len(b) - len(a) })
	return n
}

// Load sets the recorded names. Addresses that were given stay.
func (n *Names) Load(names []string) error {
	if len(names) > maxNames {
		return fmt.Errorf("%d recorded names, there are addresses for %d", len(names), maxNames)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.recorded
	n.recorded = make(map[string]netip.Addr, len(names))
	for _, name := range names {
		name = canonical(name)
		n.recorded[name] = before[name]
	}
	n.loaded = true
	return nil
}

// Loaded tells whether the recorded names are known.
func (n *Names) Loaded() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.loaded
}

// Address returns the address of a recorded name; search domains behind it do not matter.
func (n *Names) Address(asked string) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for name := range n.forms(canonical(asked)) {
		if addr, ok := n.recorded[name]; ok {
			return n.assign(name, addr)
		}
	}
	return netip.Addr{}, false
}

// assign gives a name its address, when it has none yet.
func (n *Names) assign(name string, addr netip.Addr) (netip.Addr, bool) {
	if addr.IsValid() {
		return addr, true
	}
	if len(n.byAddr) >= maxNames {
		return netip.Addr{}, false
	}
	base := n.base.As4()
	i := len(n.byAddr) + 1
	addr = netip.AddrFrom4([4]byte{base[0], base[1] + byte(i>>16), byte(i >> 8), byte(i)})
	n.recorded[name], n.byAddr[addr] = addr, name
	return addr, true
}

// Refuse remembers a name that is not recorded.
func (n *Names) Refuse(asked string) (isNew bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	name := canonical(asked)
	for form := range n.forms(name) {
		name = form // the last is the shortest
	}
	if len(n.refused) >= maxRefusedNames || slices.Contains(n.refused, name) {
		return false
	}
	n.refused = append(n.refused, name)
	return true
}

// Refused returns the names that were asked for and are not recorded, at most 100.
func (n *Names) Refused() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string{}, n.refused...)
}

// Name returns the name that an address was given to, or "".
func (n *Names) Name(addr netip.Addr) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.byAddr[addr]
}

// forms yields the name as it was asked for, and without a search domain of the pod.
func (n *Names) forms(name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if !yield(name) {
			return
		}
		for _, domain := range n.search {
			if short, ok := strings.CutSuffix(name, domain); ok && short != "" {
				yield(short)
				return
			}
		}
	}
}

func canonical(name string) string { return strings.ToLower(strings.Trim(name, ".")) }

// SearchDomains reads those of a resolv.conf; the last line that has some counts.
func SearchDomains(path string) ([]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading search domains: %w", err)
	}
	defer file.Close()
	var domains []string
	lines := bufio.NewScanner(io.LimitReader(file, 64<<10))
	for lines.Scan() {
		if words := strings.Fields(lines.Text()); len(words) > 1 && (words[0] == "search" || words[0] == "domain") {
			domains = words[1:]
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading search domains: %w", err)
	}
	return domains, nil
}
