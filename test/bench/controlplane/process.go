// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// tick is the unit of processor time in /proc.
	tick = 10 * time.Millisecond
	// patience is how long a process may take to end before it is killed.
	patience = 15 * time.Second
)

// Process is a program that runs until its context ends.
type Process struct {
	Name    string
	command *exec.Cmd
	done    chan struct{}
}

// Run starts a program whose output goes to a log file.
func Run(ctx context.Context, log, name, path string, args ...string) (*Process, error) {
	out, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", name, err)
	}
	defer out.Close()
	p := &Process{Name: name, command: exec.CommandContext(ctx, path, args...), done: make(chan struct{})}
	p.command.Stdout, p.command.Stderr = out, out
	p.command.Cancel = func() error { return p.command.Process.Signal(syscall.SIGTERM) }
	p.command.WaitDelay = patience
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches us, and we end it
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// CPU is the processor time that the process has used.
func (p *Process) CPU() (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the processor time of %s: %w", p.Name, err)
	}
	_, rest, _ := bytes.Cut(data, []byte(") ")) // the name, in parentheses, may hold anything
	fields := strings.Fields(string(rest))
	if len(fields) < 13 {
		return 0, fmt.Errorf("reading the processor time of %s: %q is too short", p.Name, data)
	}
	var sum time.Duration
	for _, field := range fields[11:13] { // in user mode and in the kernel
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the processor time of %s: %w", p.Name, err)
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}

// RSS is the memory that the process holds, in bytes.
func (p *Process) RSS() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.Name, err)
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading the memory of %s: %q is too short", p.Name, data)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// PeakRSS is the most memory that the process has held, in bytes.
func (p *Process) PeakRSS() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of %s: %w", p.Name, err)
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kibibytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kibibytes << 10, err
		}
	}
	return 0, fmt.Errorf("reading the memory of %s: its status says nothing of it", p.Name)
}
