// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"io"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apiserver/testserver"
)

// A pod is given 30 s to end, and controllers watch for ever.
func TestOpenStreamsDoNotHoldUpTheEnd(t *testing.T) {
	second, err := testserver.Start(context.Background(), forwarder.DialUser(t, "second"),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, deployment("front", "app"))
	if err != nil {
		t.Fatal(err)
	}
	watcher, err := second.Client.ReplayV1alpha1().EnvironmentClasses().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	log := followLog(t, second.Client.ReplayV1alpha1(), "open")
	ended := make(chan error, 1)
	go func() { ended <- second.Stop() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if rest, err := io.ReadAll(log); err == nil {
			t.Errorf("a log that was followed ended as if the replay had: %q", rest)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the server has not ended after 20 s")
	}
}
