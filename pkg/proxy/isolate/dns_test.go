// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/miekg/dns"
)

func TestDNS(t *testing.T) {
	names := NewNames([]string{"shop.svc.cluster.local", "svc.cluster.local", "cluster.local"})
	packets, listener, err := listenDNS(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var refusals atomic.Int32
	server := &DNS{Names: names, Refused: func() { refusals.Add(1) }}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, packets, listener) }()

	ask := func(network, name string, kind uint16) *dns.Msg {
		t.Helper()
		address := packets.LocalAddr().String()
		if network == "tcp" {
			address = listener.Addr().String()
		}
		query := new(dns.Msg).SetQuestion(name, kind)
		query.SetEdns0(1232, false)
		answer, _, err := (&dns.Client{Net: network}).Exchange(query, address)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if got := ask("udp", "back.", dns.TypeA); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("before the names are known: %v", got)
	}
	if err := names.Load([]string{"back", "api.example.com"}); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"udp", "tcp"} {
		for name, want := range map[string]string{
			"back.": "198.18.0.1", "BACK.shop.svc.cluster.local.": "198.18.0.1", "Api.Example.com.": "198.18.0.2", "api.example.com.svc.cluster.local.": "198.18.0.2",
			"evil.example.": "", "evil.example.shop.svc.cluster.local.": "", "ack.": "", "example.com.": "", "back.other.svc.cluster.local.": "",
		} {
			if want == "198.18.0.2" {
				ask(network, "back.", dns.TypeA) // comes first, whatever the order of the map
			}
			got := ask(network, name, dns.TypeA)
			switch {
			case want == "" && (got.Rcode != dns.RcodeNameError || len(got.Answer) > 0):
				t.Errorf("%s: %v, want NXDOMAIN", name, got)
			case want != "" && (len(got.Answer) != 1 || got.Answer[0].(*dns.A).A.String() != want):
				t.Errorf("%s: %v, want %s", name, got, want)
			}
		}
		for _, kind := range []uint16{dns.TypeAAAA, dns.TypeSRV, dns.TypeTXT} {
			if got := ask(network, "back.", kind); got.Rcode != dns.RcodeSuccess || len(got.Answer) > 0 {
				t.Errorf("%s: %v, want no data", dns.TypeToString[kind], got)
			}
		}
	}
	ask("udp", "1.0.18.198.in-addr.arpa.", dns.TypePTR)
	if got := names.Refused(); !slices.Contains(got, "evil.example") || len(got) != 4 || int(refusals.Load()) != 4 {
		t.Errorf("refused names: %q", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRefusedNamesAreBounded(t *testing.T) {
	names := NewNames(nil)
	for i := range 1000 {
		names.Refuse(fmt.Sprintf("n%d.example.", i))
	}
	if got := names.Refused(); len(got) != maxRefusedNames {
		t.Errorf("%d names", len(got))
	}
	if err := names.Load(make([]string, maxNames+1)); err == nil {
		t.Error("more names than addresses were loaded")
	}
}

func TestAddressesAreDistinctAndStay(t *testing.T) {
	names := NewNames(nil)
	var all []string
	for i := range 70000 { // more than 16 bits
		all = append(all, fmt.Sprintf("n%d", i))
	}
	if err := names.Load(all); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, name := range all {
		addr, ok := names.Address(name)
		if !ok || !synthetic.Contains(addr) || seen[addr.String()] != "" || names.Name(addr) != name {
			t.Fatalf("%s has %s, as has %q", name, addr, seen[addr.String()])
		}
		seen[addr.String()] = name
	}
	if err := names.Load(all[:10]); err != nil {
		t.Fatal(err)
	}
	if addr, ok := names.Address("n7"); !ok || seen[addr.String()] != "n7" {
		t.Errorf("n7 has %s after loading again", addr)
	}
}

func TestSearchDomains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte("nameserver 10.96.0.10\nsearch a.svc.cluster.local svc.cluster.local\noptions ndots:5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := SearchDomains(path)
	if err != nil || !slices.Equal(got, []string{"a.svc.cluster.local", "svc.cluster.local"}) {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzDNS(f *testing.F) {
	query, _ := new(dns.Msg).SetQuestion("back.shop.svc.cluster.local.", dns.TypeA).Pack()
	f.Add(query)
	names := NewNames([]string{"shop.svc.cluster.local"})
	if err := names.Load([]string{"back"}); err != nil {
		f.Fatal(err)
	}
	server := &DNS{Names: names, Refused: func() {}}
	f.Fuzz(func(t *testing.T, data []byte) {
		query := new(dns.Msg)
		if query.Unpack(data) != nil {
			return
		}
		answer := server.answer(query)
		if !answer.Response || answer.Id != query.Id {
			t.Errorf("%v was answered with %v", query, answer)
		}
		if _, err := answer.Pack(); err != nil {
			t.Errorf("%v: %v", query, err)
		}
	})
}
