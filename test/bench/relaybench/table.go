// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"
)

func head() {
	fmt.Print("\n| protocol | requests/s | relay | p50 | p99 | added p50 | added p99 | CPU of a request | of toxiproxy's | of ReverseProxy's | memory |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|\n")
}

// rows prints what each relay took, what that is more than without a relay, and the ratios.
func rows(p protocol, rate int, relays []*relay, at func(*relay) *measured) {
	cpu := map[string]time.Duration{}
	for _, r := range relays {
		cpu[r.name] = at(r).cpuEach()
	}
	direct := at(relays[0])
	for _, r := range relays {
		m := at(r)
		if r.process == nil {
			fmt.Printf("| %s | %d | %s | %s | %s | | | | | | |\n", p, rate, r.name, short(m.quantile(0.5)), short(m.quantile(0.99)))
			continue
		}
		fmt.Printf("| %s | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", p, rate, r.name, short(m.quantile(0.5)), short(m.quantile(0.99)),
			short(m.quantile(0.5)-direct.quantile(0.5)), short(m.quantile(0.99)-direct.quantile(0.99)), short(cpu[r.name]),
			ratio(cpu[r.name], cpu[toxiproxy]), ratio(cpu[r.name], cpu[reverseProxy]), fmt.Sprintf("%.1f MiB", float64(m.memory)/(1<<20)))
	}
}

func ratio(a, b time.Duration) string {
	if b <= 0 {
		return "n/a"
	}
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}

func short(d time.Duration) string { return d.Round(time.Microsecond).String() }
