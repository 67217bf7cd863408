// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package examples

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

const patience = time.Minute

// program is an example that was built.
type program struct {
	path, kubeconfig string
}

// process is a program at work.
type process struct {
	command *exec.Cmd
	out     output
}

// output is all that was printed so far.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

func (p program) start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	t.Cleanup(cancel)
	running := &process{command: exec.CommandContext(ctx, p.path, append(args, "--kubeconfig="+p.kubeconfig)...)}
	running.command.Stdout, running.command.Stderr = &running.out, &running.out
	if err := running.command.Start(); err != nil {
		t.Fatal(err)
	}
	return running
}

func (p *process) awaitLine(t *testing.T, start string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		return strings.Contains("\n"+p.out.String(), "\n"+start), nil
	})
	if err != nil {
		t.Fatalf("no line begins with %q in %q: %v", start, p.out.String(), err)
	}
}

func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	var exit *exec.ExitError
	if err := p.command.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return p.command.ProcessState.ExitCode()
}
