// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// What client-go does by itself, five requests a second, makes commands slow that ask for many objects.
func TestClientsAreNotSlowed(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	c := New(genericiooptions.NewTestIOStreamsDiscard())
	*c.Flags.APIServer = "https://127.0.0.1:1"
	config, err := c.REST()
	if err != nil {
		t.Fatal(err)
	}
	if config.QPS >= 0 {
		t.Errorf("there are %v requests a second", config.QPS)
	}
}
