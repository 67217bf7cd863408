// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	answerTTL = 30 // seconds
	// maxDNSQueries is the number of TCP queries on one connection.
	maxDNSQueries = 128
	dnsTimeout    = 5 * time.Second
)

// DNS answers recorded names with their synthetic address and knows no others.
type DNS struct {
	Names *Names
	// Refused is called when a name is refused for the first time.
	Refused func()
	// Prepare is called before the address of a name is given away, which it keeps by an error; nil: nothing is to be done.
	Prepare func(netip.Addr) error
}

// Serve answers on a UDP and a TCP socket until the context ends.
func (d *DNS) Serve(ctx context.Context, packets net.PacketConn, listener net.Listener) error {
	servers := []*dns.Server{
		{PacketConn: packets, Handler: d},
		{Listener: listener, Handler: d, MaxTCPQueries: maxDNSQueries, ReadTimeout: dnsTimeout, WriteTimeout: dnsTimeout},
	}
	failed := make(chan error, len(servers))
	var running sync.WaitGroup
	for _, server := range servers {
		running.Go(func() { failed <- server.ActivateAndServe() })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = errors.Join(errors.New("a DNS server stopped"), err)
	}
	packets.Close()
	listener.Close()
	running.Wait()
	return err
}

// ServeDNS answers one message.
func (d *DNS) ServeDNS(w dns.ResponseWriter, query *dns.Msg) {
	answer := d.answer(query)
	if edns := query.IsEdns0(); edns != nil {
		answer.SetEdns0(edns.UDPSize(), false)
	}
	_ = w.WriteMsg(answer) // who asked has gone, or asks again
}

func (d *DNS) answer(query *dns.Msg) *dns.Msg {
	answer := new(dns.Msg)
	answer.RecursionAvailable = true
	switch {
	case query.Opcode != dns.OpcodeQuery:
		return answer.SetRcode(query, dns.RcodeNotImplemented)
	case len(query.Question) != 1:
		return answer.SetRcode(query, dns.RcodeFormatError)
	case query.Question[0].Qclass != dns.ClassINET:
		return answer.SetRcode(query, dns.RcodeRefused)
	case !d.Names.Loaded():
		return answer.SetRcode(query, dns.RcodeServerFailure)
	}
	question := query.Question[0]
	addr, ok := d.Names.Address(question.Name)
	if ok && d.Prepare != nil {
		ok = d.Prepare(addr) == nil
	}
	if !ok {
		// Looking up the name of an address is no attempt to reach anything.
		if question.Qtype != dns.TypePTR && d.Names.Refuse(question.Name) {
			d.Refused()
		}
		return answer.SetRcode(query, dns.RcodeNameError)
	}
	answer.SetRcode(query, dns.RcodeSuccess)
	if question.Qtype == dns.TypeA || question.Qtype == dns.TypeANY {
		answer.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: answerTTL},
			A:   addr.AsSlice(),
		}}
	}
	return answer
}

// listenDNS opens the sockets of the DNS server.
func listenDNS(ctx context.Context, address string) (net.PacketConn, net.Listener, error) {
	var config net.ListenConfig
	packets, err := config.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, nil, fmt.Errorf("listening for DNS: %w", err)
	}
	listener, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		packets.Close()
		return nil, nil, fmt.Errorf("listening for DNS: %w", err)
	}
	return packets, listener, nil
}
