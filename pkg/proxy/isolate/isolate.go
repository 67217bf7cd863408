// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package isolate leads every connection of a workload to the responder, and answers DNS from the recording. It
// makes no connection but to the responder's two addresses.
package isolate

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/proxy/relay"
	"github.com/restage-dev/restage/pkg/proxy/trust"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	openTimeout = 5 * time.Second
	// reportEvery is how often the counters are sent when nothing changes, and soonest how soon after a change.
	reportEvery   = time.Second
	reportSoonest = 20 * time.Millisecond
	// lastReport is the time for the counters to reach the responder when the proxy stops.
	lastReport = 2 * time.Second
)

// Settings say whom the proxy stands for and where the responder is.
type Settings struct {
	Pod, PodIP, Workload string
	Responder, Control   netip.AddrPort
	TokenFile            string
	SearchDomains        []string // of the pod
	TrustDir             string   // gets whom the workload is to trust; "": nothing is written
	// Explicit says that no rules lead connections here: the proxy listens where the recorded names are said to be.
	Explicit bool
	// OwnPorts are those that the workload takes itself, so that the proxy cannot. Only with Explicit.
	OwnPorts []uint16
}

// Isolate is the proxy of one pod.
type Isolate struct {
	settings Settings
	instance string
	names    *Names
	control  *control
	log      *slog.Logger

	attempted, answered, refused atomic.Uint64
	discarded                    uint64 // packets of the pod before this process
	traffic                      relay.Traffic
	changed                      chan struct{} // holds one note that a counter changed
	local                        *local        // nil unless the proxy is explicit
	reported                     atomic.Bool   // the last report reached the responder
}

// New returns the proxy of a pod.
func New(s Settings, log *slog.Logger) *Isolate {
	i := &Isolate{
		settings: s, instance: ulid.Make().String(), names: NewNames(s.SearchDomains), log: log,
		control: newControl(s.Control, s.TokenFile), changed: make(chan struct{}, 1),
	}
	if s.Explicit {
		i.names = newNames(s.SearchDomains, syntheticLocal)
		i.local = newLocal(i)
		return i
	}
	var err error
	if i.discarded, err = discards(); err != nil {
		log.Warn("The packets that the rules drop are not counted", "err", err)
	}
	return i
}

// Ready tells whether the responder answers: its names are known, and it took the last report of this pod's counters. A pod whose
// responder is gone is not ready until there is one again.
func (i *Isolate) Ready() bool { return i.names.Loaded() && i.reported.Load() }

// Counts returns the connections of the workload: all, those led to the responder, and those reset.
func (i *Isolate) Counts() (attempted, answered, refused uint64) {
	// Attempted is read last, so that it is never less than the others together.
	refused, answered = i.refused.Load(), i.answered.Load()
	return i.attempted.Load(), answered, refused
}

// Dropped returns how many packets of other protocols than TCP the rules kept in since the proxy runs; 0 where there are no rules.
func (i *Isolate) Dropped() uint64 {
	if i.local != nil {
		return 0
	}
	now, err := discards()
	if err != nil {
		return 0 // the log has said so
	}
	return now - i.discarded
}

// Traffic returns the bytes that were passed on to the responder and to the workload.
func (i *Isolate) Traffic() (toResponder, toWorkload uint64) {
	return i.traffic.ToServer.Load(), i.traffic.ToClient.Load()
}

// RefusedNames returns how many names were asked for that are not recorded, at most 100.
func (i *Isolate) RefusedNames() int { return len(i.names.Refused()) }

// Outbound leads a connection of the workload to the responder. It is reset when the responder cannot be reached.
func (i *Isolate) Outbound(ctx context.Context, client *net.TCPConn, to netip.AddrPort) {
	server, err := i.lead(ctx, to)
	if err != nil {
		relay.Reset(client)
		return
	}
	relay.Run(client, server, nil, nil, &i.traffic)
}

// lead counts a connection of the workload and makes the one to the responder that stands for it.
func (i *Isolate) lead(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	i.attempted.Add(1)
	i.note()
	defer i.note()
	server, err := i.open(ctx, to)
	if err != nil {
		i.refused.Add(1)
		i.log.Warn("The responder cannot be reached, a connection is refused", "to", to.String(), "err", err)
		return nil, err
	}
	i.answered.Add(1)
	return server, nil
}

// open makes a connection to the responder that stands for one to another address.
func (i *Isolate) open(ctx context.Context, to netip.AddrPort) (*net.TCPConn, error) {
	token, err := readToken(i.settings.TokenFile)
	if err != nil {
		return nil, err
	}
	hello, err := proto.Marshal(&trafficpb.TunnelHello{
		Token: token, Pod: i.settings.Pod, Workload: i.settings.Workload, Connection: ulid.Make().String(),
		Host: i.names.Name(to.Addr()), Address: to.Addr().String(), Port: uint32(to.Port()),
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the hello: %w", err)
	}
	if len(hello) > math.MaxUint16 {
		return nil, fmt.Errorf("hello of %d bytes, at most %d are allowed", len(hello), math.MaxUint16)
	}
	dialer := net.Dialer{Timeout: openTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", i.settings.Responder.String())
	if err != nil {
		return nil, fmt.Errorf("connecting to the responder: %w", err)
	}
	server := conn.(*net.TCPConn)
	frame := append(binary.BigEndian.AppendUint16(nil, uint16(len(hello))), hello...)
	if _, err := server.Write(frame); err != nil {
		relay.Reset(server)
		return nil, fmt.Errorf("sending the hello: %w", err)
	}
	return server, nil
}

// Run loads the names and then sends the counters, until the context ends.
func (i *Isolate) Run(ctx context.Context) {
	i.retry(ctx, "Loading the recorded names failed, will try again", i.loadNames)
	for ctx.Err() == nil {
		i.retry(ctx, "Sending the counters failed, will try again", i.report)
		_ = relay.Pause(ctx, reportSoonest)
		i.awaitChange(ctx)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastReport)
	defer cancel()
	if err := i.report(last); err != nil {
		i.log.Error("The last counters did not reach the responder", "err", err)
	}
}

// ServeDNS answers DNS at an address until the context ends.
func (i *Isolate) ServeDNS(ctx context.Context, address string) error {
	packets, listener, err := listenDNS(ctx, address)
	if err != nil {
		return err
	}
	server := &DNS{Names: i.names, Refused: i.note}
	if i.local != nil {
		server.Prepare = func(addr netip.Addr) error { return i.local.listen(ctx, addr) }
	}
	return server.Serve(ctx, packets, listener)
}

func (i *Isolate) loadNames(ctx context.Context) error {
	recorded, err := i.control.names(ctx)
	if err != nil {
		return err
	}
	if err := i.tell(recorded.CA); err != nil {
		return err
	}
	if i.local != nil {
		i.local.load(recorded.Ports)
	}
	i.log.Info("Loaded the recorded names", "count", len(recorded.Ports))
	return i.names.Load(slices.Sorted(maps.Keys(recorded.Ports)))
}

// tell writes whom the workload is to trust: it starts once the proxy is ready, and so after that.
func (i *Isolate) tell(ca string) error {
	if i.settings.TrustDir == "" {
		return nil
	}
	var ours []*x509.Certificate
	if ca != "" {
		var err error
		if ours, err = trust.ParseCertificates([]byte(ca)); err != nil {
			return fmt.Errorf("reading the responder's CA: %w", err)
		}
	}
	return trust.Write(i.settings.TrustDir, ours, nil)
}

func (i *Isolate) report(ctx context.Context) error {
	r := report{Instance: i.instance, PodIP: i.settings.PodIP, Workload: i.settings.Workload, RefusedNames: i.names.Refused()}
	r.Attempted, r.Answered, r.Refused = i.Counts()
	r.Dropped = i.Dropped()
	err := i.control.put(ctx, i.settings.Pod, r)
	i.reported.Store(err == nil)
	return err
}

// retry calls do until it succeeds or the context ends.
func (i *Isolate) retry(ctx context.Context, complaint string, do func(context.Context) error) {
	for ctx.Err() == nil {
		err := do(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		i.log.Warn(complaint, "err", err)
		_ = relay.Pause(ctx, reportEvery)
	}
}

func (i *Isolate) note() {
	select {
	case i.changed <- struct{}{}:
	default:
	}
}

// awaitChange waits until there is something new to report, or it is time to report anyway.
func (i *Isolate) awaitChange(ctx context.Context) {
	select {
	case <-i.changed:
	case <-time.After(reportEvery):
	case <-ctx.Done():
	}
}
