// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package filter selects records: those of a slice, an operation, a status, a time.
package filter

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// NoResponse is the status that selects exchanges without a response.
const NoResponse = "none"

// Filter is one that is ready to be used.
type Filter struct {
	keys            []string // nil: all
	method          string
	path, operation *regexp.Regexp
	statuses        []statuses
	since, until    int64
}

// statuses are those from the first to the last, both inclusive.
type statuses struct{ first, last uint32 }

// New returns the filter that was asked for. The keys are those of the slices that there are. The error says what is
// wrong with which field.
func New(wanted *trafficpb.Filter, keys []string) (*Filter, error) {
	f, err := compile(wanted)
	if err != nil {
		return nil, err
	}
	if wanted.GetKey() != "" && wanted.GetKey() != traffic.AllSlices {
		if f.keys, err = traffic.ResolveKey(wanted.GetKey(), keys); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
	}
	return f, nil
}

// Validate returns what is wrong with a filter, but for its key.
func Validate(wanted *trafficpb.Filter) error {
	_, err := compile(wanted)
	return err
}

func compile(wanted *trafficpb.Filter) (*Filter, error) {
	f := &Filter{
		method: wanted.GetMethod(), path: pattern(wanted.GetPath()), operation: pattern(wanted.GetOperation()),
		since: wanted.GetSince(), until: wanted.GetUntil(),
	}
	for _, text := range wanted.GetStatus() {
		s, err := parseStatus(text)
		if err != nil {
			return nil, err
		}
		f.statuses = append(f.statuses, s)
	}
	if f.until != 0 && f.until <= f.since {
		return nil, fmt.Errorf("until: must be later than since")
	}
	return f, nil
}

// pattern returns the expression for a text in which * stands for any text; nil for none.
func pattern(text string) *regexp.Regexp {
	if text == "" {
		return nil
	}
	parts := strings.Split(text, "*")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
}

func parseStatus(text string) (statuses, error) {
	if text == NoResponse {
		return statuses{}, nil
	}
	if hundreds, ok := strings.CutSuffix(strings.ToLower(text), "xx"); ok && len(hundreds) == 1 && "1" <= hundreds && hundreds <= "9" {
		first := 100 * uint32(hundreds[0]-'0')
		return statuses{first, first + 99}, nil
	}
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil || number < 100 || number > 999 {
		return statuses{}, fmt.Errorf("status: %q must be a status such as 404, a class such as 5xx, or %s", text, NoResponse)
	}
	return statuses{uint32(number), uint32(number)}, nil
}

// Selects tells whether the filter lets a record through.
func (f *Filter) Selects(record *trafficpb.Record) bool {
	start := traffic.Start(record)
	if start < f.since || f.until != 0 && start >= f.until {
		return false
	}
	if f.keys != nil && !slices.Contains(f.keys, traffic.SliceKey(record)) {
		return false
	}
	method, path, _ := strings.Cut(record.GetOperation(), " ")
	if f.method != "" && !strings.EqualFold(f.method, method) {
		return false
	}
	if f.path != nil && !f.path.MatchString(path) || f.operation != nil && !f.operation.MatchString(record.GetOperation()) {
		return false
	}
	return len(f.statuses) == 0 || slices.ContainsFunc(f.statuses, func(s statuses) bool {
		return s.first <= record.GetStatus() && record.GetStatus() <= s.last
	})
}

// Ends tells whether neither this record nor any that begins later is selected.
func (f *Filter) Ends(record *trafficpb.Record) bool {
	return f.until != 0 && traffic.Start(record) >= f.until
}
