// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// pollInterval is how often the cluster is asked while something is waited for.
const pollInterval = time.Second

// Condition is something that becomes true of the cluster.
type Condition interface {
	// Name is what is waited for: Deployment restage-controller.
	Name() string
	// Check says whether it is ready, and in one line what is there or why it is not. An error is one of asking.
	Check(ctx context.Context) (ready bool, detail string, err error)
}

// Status is what a condition was found to be.
type Status struct {
	Name   string
	Ready  bool
	Detail string
}

// ErrNotReady is what an error of WaitReady wraps when the time was up.
var ErrNotReady = errors.New("not ready")

// WaitReady waits until all conditions are ready at once and shows progress. When the timeout or the context ends first, the
// error says of each that is not ready why.
func WaitReady(ctx context.Context, timeout time.Duration, progress Progress, conditions ...Condition) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer progress.Done()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var statuses []Status
	for {
		if found := check(waiting, conditions); waiting.Err() == nil {
			statuses = found
			progress.Show(statuses)
			if len(unready(statuses)) == 0 {
				return nil
			}
		}
		select {
		case <-waiting.Done():
			why := strings.Join(unready(statuses), "\n  ")
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("%w; not ready yet:\n  %s", err, why)
			}
			return fmt.Errorf("%w after %s:\n  %s", ErrNotReady, timeout, why)
		case <-ticker.C:
		}
	}
}

func check(ctx context.Context, conditions []Condition) []Status {
	statuses := make([]Status, len(conditions))
	for i, condition := range conditions {
		ready, detail, err := condition.Check(ctx)
		if err != nil {
			detail = err.Error() // the API server may be busy or restarting: that passes, or the timeout says what it was
		}
		statuses[i] = Status{Name: condition.Name(), Ready: ready && err == nil, Detail: oneLine(detail)}
	}
	return statuses
}

func unready(statuses []Status) []string {
	var lines []string
	for _, status := range statuses {
		if !status.Ready {
			lines = append(lines, status.Name+": "+status.Detail)
		}
	}
	return lines
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
