// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package responder

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/responder/play"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	longestSettings = 1 << 20 // bytes
	longestToken    = 4096    // bytes
	shortestToken   = 16      // bytes
	leastStatus     = 200     // of missStatus
	mostStatus      = 599
)

func readSettings(path string) (*wiring.PlaySettings, error) {
	data, err := readFile(path, longestSettings)
	if err != nil {
		return nil, fmt.Errorf("reading settings: %w", err)
	}
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	var s wiring.PlaySettings
	if err := decoder.Decode(&s); err != nil {
		return nil, fmt.Errorf("reading settings from %s: %w", path, err)
	}
	if err := validate(&s); err != nil {
		return nil, fmt.Errorf("settings in %s: %w", path, err)
	}
	return &s, nil
}

func validate(s *wiring.PlaySettings) error {
	if s.Snapshot.Namespace == "" || s.Snapshot.Name == "" || s.Snapshot.UID == "" {
		return fmt.Errorf("snapshot: namespace, name and uid are required, got %+v", s.Snapshot)
	}
	for i, key := range s.Mocks {
		if _, _, err := net.SplitHostPort(key); err != nil {
			return fmt.Errorf("mocks[%d]: %q is not host:port", i, key)
		}
	}
	for i, route := range s.Routes {
		if _, _, err := net.SplitHostPort(route.Address); err != nil || len(route.Names) == 0 || route.Port < 1 || route.Port > 65535 {
			return fmt.Errorf("routes[%d]: names, a port from 1 to 65535 and a host:port as address are required, got %+v", i, route)
		}
	}
	if s.OnMiss != "Fail" && s.OnMiss != "Status" {
		return fmt.Errorf("onMiss: %q, allowed are Fail and Status", s.OnMiss)
	}
	if s.OnMiss == "Status" && (s.MissStatus < leastStatus || s.MissStatus > mostStatus) {
		return fmt.Errorf("missStatus: %d, allowed are %d to %d", s.MissStatus, leastStatus, mostStatus)
	}
	if s.Latency != "Recorded" && s.Latency != "None" {
		return fmt.Errorf("latency: %q, allowed are Recorded and None", s.Latency)
	}
	return nil
}

func policy(s *wiring.PlaySettings) play.Policy {
	p := play.Policy{Recorded: s.Latency == "Recorded"}
	if s.OnMiss == "Status" {
		p.MissStatus = s.MissStatus
	}
	return p
}

func readToken(path string) (string, error) {
	data, err := readFile(path, longestToken)
	if err != nil {
		return "", fmt.Errorf("reading the environment's token: %w", err)
	}
	token := strings.TrimSpace(string(data))
	if len(token) < shortestToken {
		return "", fmt.Errorf("environment's token in %s: %d bytes, allowed are %d to %d", path, len(token), shortestToken, longestToken)
	}
	return token, nil
}

// readCA reads the CA of the environment. Without one TLS is played as bytes.
func readCA(dir string) (authority.List, error) {
	certificates, err := readFile(filepath.Join(dir, wiring.TLSCACertificate), longestSettings)
	if dir == "" || os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the environment's CA: %w", err)
	}
	keys, err := readFile(filepath.Join(dir, wiring.TLSCAKey), longestSettings)
	if err != nil {
		return nil, fmt.Errorf("reading the key of the environment's CA: %w", err)
	}
	list, err := authority.Parse(certificates, keys)
	if err != nil {
		return nil, fmt.Errorf("environment's CA in %s: %w", dir, err)
	}
	return list, nil
}

func readFile(path string, longest int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, longest+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > longest {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, longest)
	}
	return data, nil
}
