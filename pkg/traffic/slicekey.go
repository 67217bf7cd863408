// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package traffic holds what all parts know of recorded traffic: the record (in trafficpb), the keys
// that name slices of it, and its JSON form.
package traffic

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// AllSlices is the pattern that selects every slice.
const AllSlices = "*"

// SliceKey names the slice that a record belongs to: workload:port for inbound and host:port for outbound traffic.
func SliceKey(r *trafficpb.Record) string {
	name := r.GetHost()
	if r.GetDirection() == trafficpb.Direction_DIRECTION_INBOUND {
		name = r.GetWorkload()
	}
	return net.JoinHostPort(name, strconv.FormatUint(uint64(r.GetPort()), 10))
}

// UnknownKeyError says that a pattern selects none of the known keys.
type UnknownKeyError struct {
	Pattern string
	Known   []string
}

func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("no slice matches %q; known are %s", e.Pattern, strings.Join(e.Known, ", "))
}

// AmbiguousKeyError says that a pattern is part of several keys and equal to none.
type AmbiguousKeyError struct {
	Pattern    string
	Candidates []string
}

func (e *AmbiguousKeyError) Error() string {
	return fmt.Sprintf("%q is ambiguous; it matches %s", e.Pattern, strings.Join(e.Candidates, ", "))
}

// ResolveKey returns the keys that a pattern selects: all for AllSlices, else the one that equals the pattern,
// else the only one that contains it. The error is an *UnknownKeyError or an *AmbiguousKeyError.
func ResolveKey(pattern string, known []string) ([]string, error) {
	if pattern == AllSlices {
		return slices.Clone(known), nil
	}
	var candidates []string
	for _, key := range known {
		if key == pattern {
			return []string{key}, nil
		}
		if pattern != "" && strings.Contains(key, pattern) {
			candidates = append(candidates, key)
		}
	}
	switch len(candidates) {
	case 0:
		return nil, &UnknownKeyError{Pattern: pattern, Known: known}
	case 1:
		return candidates, nil
	default:
		return nil, &AmbiguousKeyError{Pattern: pattern, Candidates: candidates}
	}
}
