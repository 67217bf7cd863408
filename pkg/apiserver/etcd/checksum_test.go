// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

func TestDamageIsNoticed(t *testing.T) {
	body := bytes.Repeat([]byte("snapshot"), 10_000)
	hash := sha256.Sum256(body)
	whole := append(bytes.Clone(body), hash[:]...)
	damaged := bytes.Clone(whole)
	damaged[100] ^= 1
	for name, c := range map[string]struct {
		data []byte
		want bool
	}{"whole": {whole, true}, "damaged": {damaged, false}, "cut short": {whole[:len(whole)-1], false}, "nothing": {nil, false}} {
		sum := NewChecksum()
		for rest := c.data; len(rest) > 0; {
			n := min(7, len(rest))
			_, _ = sum.Write(rest[:n])
			rest = rest[n:]
		}
		if sum.Right() != c.want {
			t.Errorf("%s: it is right: %v", name, sum.Right())
		}
	}
}
