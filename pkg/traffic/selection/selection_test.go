// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package selection

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

func settings() wiring.CaptureSettings {
	s := wiring.NewCaptureSettings("front", []uint16{80, 443, 9797})
	s.Ignore = wiring.IgnoreSettings{
		InboundPorts: []uint16{9797}, OutboundPorts: []uint16{4317},
		CIDRs: []string{"10.1.2.3/16", "fd00:1::/32"}, Hosts: []string{"*.Datadoghq.com", "otel", "10.9.9.9"},
	}
	return s
}

func selected(t *testing.T, s wiring.CaptureSettings) *Selection {
	t.Helper()
	selection, err := New(s, "10.96.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return selection
}

func TestInbound(t *testing.T) {
	s := selected(t, settings())
	for _, c := range []struct {
		to, from string
		want     Reason
	}{
		{"10.5.0.1:80", "10.5.0.2:4000", ""},
		{"10.5.0.1:81", "10.5.0.2:4000", PortUnselected},
		{"10.5.0.1:9797", "10.5.0.2:4000", PortIgnored},
		{"10.5.0.1:80", "10.1.255.2:4000", NetworkIgnored},
		{"[fd00::1]:80", "[fd00:1::2]:4000", NetworkIgnored},
	} {
		if got := s.Inbound(netip.MustParseAddrPort(c.to), netip.MustParseAddrPort(c.from)); got != c.want {
			t.Errorf("from %s to %s: %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

func TestOutbound(t *testing.T) {
	s := selected(t, settings())
	for to, want := range map[string]Reason{
		"10.5.0.1:80": "", "10.96.0.1:443": APIServer, "10.5.0.1:4317": PortIgnored, "10.1.0.1:80": NetworkIgnored, "[fd00:1:2::1]:80": NetworkIgnored,
		"169.254.169.254:80": CloudMetadata, "[fd00:ec2::254]:80": CloudMetadata, "169.254.170.2:80": CloudMetadata, "169.254.170.23:80": CloudMetadata,
		"168.63.129.16:80": CloudMetadata, "100.100.100.200:80": CloudMetadata, "[fd20:ce::254]:80": CloudMetadata, "[fd00:c1::a9fe:a9fe]:80": CloudMetadata,
		"169.254.20.10:53": "", // the DNS cache of a node
	} {
		if got := s.Outbound(netip.MustParseAddrPort(to)); got != want {
			t.Errorf("to %s: %q, want %q", to, got, want)
		}
	}
}

func TestRecord(t *testing.T) {
	s := selected(t, settings())
	for host, want := range map[string]Reason{
		"back": "", "otel": HostIgnored, "otel.shop": "", "intake.datadoghq.com": HostIgnored, "a.b.datadoghq.com": HostIgnored, "datadoghq.com": "",
		"xdatadoghq.com": "", "10.9.9.9": HostIgnored, "kubernetes.default.svc": APIServer, "kubernetes.default.svc.cluster.local": APIServer,
		"kubernetes.default.svcs": "", "metadata.google.internal": CloudMetadata, "metadata": "", "169.254.169.254": CloudMetadata,
	} {
		r := &trafficpb.Record{Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Host: host}
		if got := s.Record(r); got != want {
			t.Errorf("host %s: %q, want %q", host, got, want)
		}
	}
	for head, want := range map[string]Reason{
		"GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: kube-probe/1.37\r\n\r\n": Probe,
		"GET / HTTP/2\r\nhost: a\r\nuser-agent:kube-probe/1.37\r\n\r\n":    Probe,
		"GET / HTTP/1.1\r\nUser-Agent: curl kube-probe/1.37\r\n\r\n":       "",
		"GET /?User-Agent: kube-probe/1 HTTP/1.1\r\n\r\n":                  "",
		"": "",
	} {
		r := &trafficpb.Record{Direction: trafficpb.Direction_DIRECTION_INBOUND, Request: &trafficpb.Message{Head: []byte(head)}}
		if got := s.Record(r); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
		r.Direction = trafficpb.Direction_DIRECTION_OUTBOUND // who calls others with that name is no kubelet
		if got := s.Record(r); got != "" {
			t.Errorf("outbound %q: %q", head, got)
		}
	}
}

// A session is in or out as a whole, in both directions and in every proxy, and about so many are in as are asked for.
func TestSampling(t *testing.T) {
	ten := wiring.NewCaptureSettings("front", nil)
	ten.SamplePercent = 10
	half := wiring.NewCaptureSettings("back", nil)
	half.SamplePercent = 50
	a, b, c := selected(t, ten), selected(t, ten), selected(t, half)
	const sessions = 10_000
	in := 0
	for i := range sessions {
		session := fmt.Sprintf("%032x", i)
		r := &trafficpb.Record{Session: session, Direction: trafficpb.Direction_DIRECTION_INBOUND}
		first := a.Record(r)
		r.Direction = trafficpb.Direction_DIRECTION_OUTBOUND
		if second := b.Record(r); first != second {
			t.Fatalf("session %s: %q and %q", session, first, second)
		}
		if first == "" {
			in++
			if reason := c.Record(r); reason != "" {
				t.Errorf("session %s is in 10 percent and not in 50", session)
			}
		}
	}
	if in < sessions*8/100 || in > sessions*12/100 {
		t.Errorf("%d of %d sessions", in, sessions)
	}
}

func TestNewRefuses(t *testing.T) {
	for want, change := range map[string]func(*wiring.IgnoreSettings){
		`ignore.cidrs[1]: "10.0.0.0/33"`:       func(i *wiring.IgnoreSettings) { i.CIDRs = []string{"::/0", "10.0.0.0/33"} },
		`ignore.cidrs[0]: "::ffff:10.0.0.0/8"`: func(i *wiring.IgnoreSettings) { i.CIDRs = []string{"::ffff:10.0.0.0/8"} },
		`ignore.hosts[0]: "a.*.b"`:             func(i *wiring.IgnoreSettings) { i.Hosts = []string{"a.*.b"} },
		`ignore.hosts[0]: ""`:                  func(i *wiring.IgnoreSettings) { i.Hosts = []string{""} },
		`ignore.hosts[0]: "*"`:                 func(i *wiring.IgnoreSettings) { i.Hosts = []string{"*"} },
		`ignore.hosts[0]: "a:80"`:              func(i *wiring.IgnoreSettings) { i.Hosts = []string{"a:80"} },
	} {
		s := wiring.NewCaptureSettings("front", nil)
		change(&s.Ignore)
		if _, err := New(s, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
