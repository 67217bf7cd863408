// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command restless tries to leave its pod, by every way that a container has, again and again. What comes of it is seen on
// the wire. Without the variable RESTLESS it does nothing; with it, it goes on trying for a while after it was asked to end.
// "restless once" goes through all ways once, and ends.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

const (
	every = 700 * time.Millisecond
	// farewell is how long it still tries after SIGTERM.
	farewell = 3 * time.Second
	patience = time.Second // of one attempt
)

func main() {
	attempts := attempts()
	if len(os.Args) > 1 && os.Args[1] == "once" {
		show(attempts, tryAll(attempts))
		return
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	if os.Getenv("RESTLESS") == "" {
		<-end
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var last <-chan time.Time
	for round := 0; ; round++ {
		results := tryAll(attempts)
		if round == 0 { // for whoever reads the log of the pod
			show(attempts, results)
		}
		select {
		case <-end:
			last = time.After(farewell)
		case <-last:
			return
		case <-ticker.C:
		}
	}
}

// attempt is one way out.
type attempt struct {
	name string
	do   func() error
}

// tryAll makes all attempts at once, so that those which hang do not hold up the others.
func tryAll(attempts []attempt) []error {
	results := make([]error, len(attempts))
	var running sync.WaitGroup
	for i, a := range attempts {
		running.Go(func() { results[i] = a.do() })
	}
	running.Wait()
	return results
}

func show(attempts []attempt, results []error) {
	for i, err := range results {
		fmt.Printf("%s: %v\n", attempts[i].name, err)
	}
}
