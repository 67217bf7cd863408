// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command relaybench compares the relay of restage-proxy, while it records, with a plain TCP relay (toxiproxy without toxics) and with
// httputil.ReverseProxy: the same requests at the same rates, in turn, each relay in a process of its own. The records go to a real
// forwarder. It prints a table; it judges nothing, since the figures are those of the machine.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// bench is one run.
type bench struct {
	peer, toxiproxy, proxy string // programs
	dir                    string
	rounds                 int
	turn                   time.Duration
	rate, highRate         int // requests a second
	connections            int

	target   string // host:port of the server that answers
	recorded recording
	started  []*controlplane.Process
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "relaybench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	b := &bench{}
	flags := pflag.NewFlagSet("relaybench", pflag.ContinueOnError)
	flags.StringVar(&b.peer, "relaypeer", "", "Path of relaypeer. Required.")
	flags.StringVar(&b.toxiproxy, "toxiproxy", "", "Path of toxiproxy's server. Required.")
	flags.StringVar(&b.proxy, "restage-proxy", "", "Path of restage-proxy, whose size is told. Required.")
	flags.IntVar(&b.rounds, "rounds", 4, "How often each relay has its turn at each rate.")
	flags.DurationVar(&b.turn, "turn", 4*time.Second, "How long a turn is.")
	flags.IntVar(&b.rate, "rate", 1000, "Requests a second.")
	flags.IntVar(&b.highRate, "high-rate", 5000, "Requests a second of the turns after those.")
	flags.IntVar(&b.connections, "connections", 32, "Connections over which the requests of HTTP/1.1 are spread; of HTTP/2 it is the number of streams, on four connections.")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if b.peer == "" || b.toxiproxy == "" || b.proxy == "" {
		return errors.New("--relaypeer, --toxiproxy and --restage-proxy are required")
	}
	if b.dir, err = os.MkdirTemp("", "relaybench"); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for _, process := range b.started {
			<-process.Done()
		}
		if err == nil { // the logs of a failure stay
			err = os.RemoveAll(b.dir)
		}
	}()
	return b.run(ctx)
}

func (b *bench) run(ctx context.Context) error {
	target, closeTarget, err := serveAnswers()
	if err != nil {
		return err
	}
	defer closeTarget()
	b.target = target
	closeForwarder, err := b.startForwarder()
	if err != nil {
		return fmt.Errorf("starting the forwarder: %w", err)
	}
	defer closeForwarder()
	fmt.Printf("%d processors, Go %s; %d turns of %v a relay at %d requests a second, then as many at %d; requests and answers have bodies of 1 KiB of JSON.\n",
		runtime.NumCPU(), runtime.Version(), b.rounds, b.turn, b.rate, b.highRate)
	head()
	var complete []string
	for _, protocol := range []protocol{http1, h2c} {
		told, err := b.compare(ctx, protocol)
		if err != nil {
			return fmt.Errorf("%s: %w", protocol, err)
		}
		complete = append(complete, told)
	}
	fmt.Println("\n" + strings.Join(complete, "\n"))
	info, err := os.Stat(b.proxy)
	if err != nil {
		return err
	}
	fmt.Printf("restage-proxy has %.1f MiB; its relay was ready %v after it was started (the slower of two).\n",
		float64(info.Size())/(1<<20), b.recorded.start.Round(time.Millisecond))
	return nil
}

// turns gives each relay its turns at a rate.
func (b *bench) turns(ctx context.Context, p protocol, relays []*relay, rate int, of func(*relay) *measured) error {
	for round := range b.rounds + 1 { // the first warms up and does not count
		for i := range relays {
			r := relays[(i+round)%len(relays)] // nobody is always first
			turn, err := b.load(ctx, p, r, rate)
			if err != nil {
				return fmt.Errorf("%s at %d requests a second: %w", r.name, rate, err)
			}
			if round > 0 {
				of(r).add(turn)
			}
		}
	}
	return nil
}

// compare measures all relays in one protocol, and returns what became of the records.
func (b *bench) compare(ctx context.Context, p protocol) (complete string, err error) {
	relays, err := b.startRelays(ctx, p)
	if err != nil {
		return "", err
	}
	for _, rate := range []struct {
		value int
		of    func(*relay) *measured
	}{{b.rate, func(r *relay) *measured { return &r.usual }}, {b.highRate, func(r *relay) *measured { return &r.high }}} {
		if err := b.turns(ctx, p, relays, rate.value, rate.of); err != nil {
			return "", err
		}
	}
	rows(p, b.rate, relays, func(r *relay) *measured { return &r.usual })
	rows(p, b.highRate, relays, func(r *relay) *measured { return &r.high })
	complete, err = b.completeness(ctx, relays[len(relays)-1])
	return fmt.Sprintf("%s: %s", p, complete), err
}
