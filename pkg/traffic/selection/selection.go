// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package selection decides which traffic of a workload is recorded. What is left out is passed on all the same, and is counted
// by reason: it is no loss.
package selection

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Reason says why something is left out; empty when it is recorded.
type Reason string

// Reasons why traffic is left out.
const (
	Probe          Reason = "Probe"          // a probe of the kubelet
	Empty          Reason = "Empty"          // opened and closed without a byte, as a probe of a port does
	PortUnselected Reason = "PortUnselected" // an inbound port that the capture does not name
	PortIgnored    Reason = "PortIgnored"
	NetworkIgnored Reason = "NetworkIgnored"
	HostIgnored    Reason = "HostIgnored"
	APIServer      Reason = "APIServer"     // the cluster's
	CloudMetadata  Reason = "CloudMetadata" // where instances and pods get the credentials of their cloud
	NotSampled     Reason = "NotSampled"
)

// Selection is what a capture asks for. It may be used by several goroutines.
type Selection struct {
	ports             []uint16
	inbound, outbound []uint16 // ports that are ignored
	networks          []netip.Prefix
	names, suffixes   []string // of hosts that are ignored; suffixes begin with a dot
	apiServer         netip.Addr
	percent           int
}

// New returns what the settings ask for. apiServer is the address of the cluster's API server; empty when it is not known. The error
// names the field that cannot be understood.
func New(settings wiring.CaptureSettings, apiServer string) (*Selection, error) {
	s := &Selection{
		ports: settings.Ports, inbound: settings.Ignore.InboundPorts, outbound: settings.Ignore.OutboundPorts, percent: settings.SamplePercent,
	}
	for i, text := range settings.Ignore.CIDRs {
		network, err := ParseNetwork(text)
		if err != nil {
			return nil, fmt.Errorf("ignore.cidrs[%d]: %w", i, err)
		}
		s.networks = append(s.networks, network)
	}
	for i, text := range settings.Ignore.Hosts {
		if err := CheckHost(text); err != nil {
			return nil, fmt.Errorf("ignore.hosts[%d]: %w", i, err)
		}
		if suffix, ok := strings.CutPrefix(strings.ToLower(text), "*"); ok {
			s.suffixes = append(s.suffixes, suffix)
		} else {
			s.names = append(s.names, strings.ToLower(text))
		}
	}
	if address, err := netip.ParseAddr(apiServer); err == nil {
		s.apiServer = address.Unmap()
	}
	return s, nil
}

// Inbound decides about a connection to the workload.
func (s *Selection) Inbound(to, from netip.AddrPort) Reason {
	switch {
	case !slices.Contains(s.ports, to.Port()):
		return PortUnselected
	case slices.Contains(s.inbound, to.Port()):
		return PortIgnored
	case s.inNetwork(from.Addr()):
		return NetworkIgnored
	}
	return ""
}

// Outbound decides about a connection that the workload makes.
func (s *Selection) Outbound(to netip.AddrPort) Reason {
	switch {
	case to.Addr() == s.apiServer:
		return APIServer
	case isMetadata(to.Addr()):
		return CloudMetadata
	case slices.Contains(s.outbound, to.Port()):
		return PortIgnored
	case s.inNetwork(to.Addr()):
		return NetworkIgnored
	}
	return ""
}

func (s *Selection) inNetwork(address netip.Addr) bool {
	return slices.ContainsFunc(s.networks, func(n netip.Prefix) bool { return n.Contains(address) })
}

// Record decides about what a connection carried, which is known only when it was read.
func (s *Selection) Record(r *trafficpb.Record) Reason {
	if r.GetDirection() == trafficpb.Direction_DIRECTION_INBOUND {
		if isProbe(r.GetRequest().GetHead()) {
			return Probe
		}
	} else if reason := s.Host(r.GetHost()); reason != "" {
		return reason
	}
	if !s.samples(r.GetSession()) {
		return NotSampled
	}
	return ""
}

// Host decides by the name of a dependency, in lower case.
func (s *Selection) Host(name string) Reason {
	switch {
	case isAPIServerName(name):
		return APIServer
	case isMetadataName(name):
		return CloudMetadata
	case slices.Contains(s.names, name), slices.ContainsFunc(s.suffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) }):
		return HostIgnored
	}
	return ""
}

// samples decides by a hash of the session alone, so that all calls of a trace are in or out, in every proxy with the same percentage.
func (s *Selection) samples(session string) bool {
	return s.percent >= 100 || xxh3.HashString(session)%100 < uint64(s.percent)
}

// ParseNetwork reads a CIDR, whose address may have bits beyond its prefix.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		return network, fmt.Errorf("%q is not a network, which is written like 10.96.0.0/12 or fd00::/8", text)
	}
	if network.Addr().Is4In6() {
		return network, fmt.Errorf("%q is an IPv4 network in the form of an IPv6 one; write it as IPv4", text)
	}
	return network.Masked(), nil
}

// CheckHost tells whether a text is a host name, or *. and the end of one.
func CheckHost(text string) error {
	name := strings.TrimPrefix(text, "*.")
	if _, err := netip.ParseAddr(name); err == nil && name == text {
		return nil
	}
	for label := range strings.SplitSeq(name, ".") {
		if !isLabel(label) {
			return fmt.Errorf("%q is not a host; allowed are a name, an address, and *. with the end of a name", text)
		}
	}
	return nil
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 {
		return false
	}
	return strings.IndexFunc(label, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_')
	}) < 0
}
