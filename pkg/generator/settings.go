// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	maxSettings = 1 << 20
	minSpeed    = 0.1
	maxSpeed    = 100
	// maxSeconds is the longest timeout: a day.
	maxSeconds = 24 * 60 * 60
)

func readSettings(path string) (*wiring.ReplaySettings, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	defer f.Close()
	decoder := json.NewDecoder(io.LimitReader(f, maxSettings))
	decoder.DisallowUnknownFields()
	var s wiring.ReplaySettings
	if err := decoder.Decode(&s); err != nil {
		return nil, fmt.Errorf("reading settings from %s: %w", path, err)
	}
	if err := validate(&s); err != nil {
		return nil, fmt.Errorf("settings in %s: %w", path, err)
	}
	return &s, nil
}

func validate(s *wiring.ReplaySettings) error {
	for field, object := range map[string]wiring.Object{"snapshot": s.Snapshot, "replay": s.Replay} {
		if object.Namespace == "" || object.Name == "" || object.UID == "" {
			return fmt.Errorf("%s: namespace, name and uid are required, got %+v", field, object)
		}
	}
	if !(s.Speed >= minSpeed && s.Speed <= maxSpeed) {
		return fmt.Errorf("speed: %v is not from %v to %v", s.Speed, minSpeed, maxSpeed)
	}
	for field, value := range map[string]float64{"requestTimeoutSeconds": s.RequestTimeout, "timeoutSeconds": s.Timeout} {
		if !(value > 0 && value <= maxSeconds) {
			return fmt.Errorf("%s: %v is not above 0 and up to %d", field, value, maxSeconds)
		}
	}
	if s.Control != "" {
		if _, _, err := net.SplitHostPort(s.Control); err != nil {
			return fmt.Errorf("control: %w", err)
		}
	}
	if len(s.Tests) == 0 {
		return fmt.Errorf("tests: at least one target is required")
	}
	for i, test := range s.Tests {
		if test.Key == "" {
			return fmt.Errorf("tests[%d].key: required", i)
		}
		if _, _, err := net.SplitHostPort(test.Address); err != nil {
			return fmt.Errorf("tests[%d].address: %w", i, err)
		}
	}
	for i, g := range s.Goals {
		if _, err := goal.Compile(g.Expression); err != nil {
			return fmt.Errorf("goals[%d].expression: %w", i, err)
		}
	}
	_, err := parseIgnore(s.Ignore)
	return err
}

func parseIgnore(rules []string) ([]compare.Path, error) {
	paths := make([]compare.Path, 0, len(rules))
	for i, rule := range rules {
		path, err := compare.ParsePath(rule)
		if err != nil {
			return nil, fmt.Errorf("ignore[%d]: %w", i, err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
