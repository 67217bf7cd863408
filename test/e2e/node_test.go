// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/restage-dev/restage/test/kube"
)

// nodeWatch is a capture on the node of what one pod begins to say.
type nodeWatch struct {
	tcpdump *exec.Cmd
	path    string
}

// watchNode begins to watch, on the first node of the throwaway cluster, the first packet of each TCP connection, and each UDP
// packet, that the pod sends. Only packets that come into the node's network are looked at, so that a destination is the one
// the pod chose and not what a Service made of it.
func watchNode(t *testing.T, podIP string) *nodeWatch {
	t.Helper()
	if os.Getenv("CLUSTER") != "local" {
		t.Skip("watching a node needs hack/localcluster")
	}
	w := &nodeWatch{path: filepath.Join(t.TempDir(), "tcpdump")}
	out, err := os.Create(w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	filter := fmt.Sprintf("src host %s and (udp or (tcp[tcpflags] & (tcp-syn|tcp-ack)) == tcp-syn)", podIP)
	w.tcpdump = exec.CommandContext(t.Context(), "../../hack/localcluster/node.sh", "1", "tcpdump", "-l", "-n", "-Q", "in", "-i", "any", filter)
	w.tcpdump.Stdout, w.tcpdump.Stderr = out, out
	if err := w.tcpdump.Start(); err != nil {
		t.Fatal(err)
	}
	kube.Eventually(t, 10*time.Second, "tcpdump listens", func() (bool, string) {
		said := w.said(t)
		return strings.Contains(said, "listening on"), said
	})
	return w
}

func (w *nodeWatch) said(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// destination is the address in a line of tcpdump, such as: ... IP 10.0.0.1.333 > 10.0.0.2.80: Flags [S] ...
var destination = regexp.MustCompile(`IP \S+ > ([0-9.]+)\.\d+: `)

// stop ends the watch and returns whom the pod spoke to, each with the first packet.
func (w *nodeWatch) stop(t *testing.T) map[string]string {
	t.Helper()
	if err := w.tcpdump.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = w.tcpdump.Wait() // its status says only that it was ended
	spokenTo := map[string]string{}
	for line := range strings.Lines(w.said(t)) {
		if match := destination.FindStringSubmatch(line); match != nil {
			if _, known := spokenTo[match[1]]; !known {
				spokenTo[match[1]] = strings.TrimSpace(line)
			}
		}
	}
	return spokenTo
}
