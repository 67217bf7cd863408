// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package isolate

import (
	"fmt"

	"github.com/prometheus/procfs"
	"k8s.io/utils/ptr"
)

// discards is how many packets the kernel has discarded on their way out of the pod since it is there. It counts so the datagrams, pings and the
// like that the rules keep in, and needs no rights to be asked, as reading the counters of the rules does; what it discards of TCP it does
// not count. Packets that the kernel makes by itself are among them, such as the IPv6 membership reports of a pod that starts.
func discards() (uint64, error) {
	self, err := procfs.Self()
	if err != nil {
		return 0, fmt.Errorf("finding the pod's network: %w", err)
	}
	four, err := self.Snmp()
	if err != nil {
		return 0, fmt.Errorf("reading what the kernel counts of IPv4: %w", err)
	}
	six, err := self.Snmp6()
	if err != nil {
		return 0, fmt.Errorf("reading what the kernel counts of IPv6: %w", err)
	}
	return uint64(ptr.Deref(four.OutDiscards, 0) + ptr.Deref(six.OutDiscards, 0)), nil
}
