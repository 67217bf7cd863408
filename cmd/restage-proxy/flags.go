// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/wiring"
)

// Modes of the proxy.
const (
	modeCapture = "Capture"
	modeIsolate = "Isolate"
)

// parse reads the flags of one mode and refuses those of the other, which would silently do nothing.
func parse(flags *pflag.FlagSet, args []string, only map[string][]string) (mode string, err error) {
	flags.StringVar(&mode, "mode", "", "Capture or Isolate")
	if err := flags.Parse(args); err != nil {
		return "", err
	}
	if flags.NArg() > 0 {
		return "", fmt.Errorf("unexpected argument %q: only flags are allowed", flags.Arg(0))
	}
	if mode != modeCapture && mode != modeIsolate {
		return "", fmt.Errorf("--mode %q: allowed are %s and %s", mode, modeCapture, modeIsolate)
	}
	for other, names := range only {
		for _, name := range names {
			if other != mode && flags.Changed(name) {
				return "", fmt.Errorf("--%s: allowed only with --mode=%s", name, other)
			}
		}
	}
	return mode, nil
}

const interceptionUsage = "Isolate: how connections are led to the proxy, Redirect (by rules) or Explicit (by names and proxy variables)"

func parseInterception(value string) (explicit bool, err error) {
	switch value {
	case wiring.InterceptionRedirect, wiring.InterceptionExplicit:
		return value == wiring.InterceptionExplicit, nil
	}
	return false, fmt.Errorf("--interception: %q, allowed are %s and %s", value, wiring.InterceptionRedirect, wiring.InterceptionExplicit)
}

// parsePorts reads the "80,9898" of a flag. An empty list is allowed.
func parsePorts(flag, list string) ([]uint16, error) {
	var ports []uint16
	for item := range strings.SplitSeq(list, ",") {
		if item == "" {
			continue
		}
		port, err := strconv.ParseUint(item, 10, 16)
		if err != nil || port == 0 {
			return nil, fmt.Errorf("--%s: %q is not a port, allowed are 1 to 65535", flag, item)
		}
		if !slices.Contains(ports, uint16(port)) {
			ports = append(ports, uint16(port))
		}
	}
	return ports, nil
}

// parseSwaps reads the "80=18080,9898=19898" of --port-swaps.
func parseSwaps(list string) (map[uint16]uint16, error) {
	swaps := map[uint16]uint16{}
	for item := range strings.SplitSeq(list, ",") {
		if item == "" {
			continue
		}
		from, to, ok := strings.Cut(item, "=")
		ports, err := parsePorts("port-swaps", from+","+to)
		if err != nil {
			return nil, err
		}
		if !ok || len(ports) != 2 {
			return nil, fmt.Errorf("--port-swaps: %q is not PORT=TO with two different ports", item)
		}
		swaps[ports[0]] = ports[1]
	}
	return swaps, nil
}

// parseAddress reads the ip:port of a flag.
func parseAddress(flag, value string) (netip.AddrPort, error) {
	address, err := netip.ParseAddrPort(value)
	if err != nil || address.Port() == 0 {
		return address, fmt.Errorf("--%s: %q is not ip:port", flag, value)
	}
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), nil
}

func checkRange(flag string, value, least, most int64) error {
	if value < least || value > most {
		return fmt.Errorf("--%s: %d, allowed are %d to %d bytes", flag, value, least, most)
	}
	return nil
}
