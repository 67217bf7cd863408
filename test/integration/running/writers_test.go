// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	replayclient "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

const (
	writers    = 4
	objects    = 10 // of each writer
	valueLabel = "value"
	absent     = ""
)

// ledger is what writers were told: the server may lose nothing of it.
type ledger struct {
	client       replayclient.ReplayProfileInterface
	acknowledged atomic.Int64
	failed       atomic.Int64

	mu     sync.Mutex
	values map[string]string // of the objects that exist
	faults []string
}

// write has writers work until the context ends. Each has its own objects.
func (l *ledger) write(ctx context.Context) *sync.WaitGroup {
	l.values = map[string]string{}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				l.step(ctx, fmt.Sprintf("writer-%d-%d", w, n%objects), fmt.Sprint(n), n/objects%3 == 2)
			}
		})
	}
	return &group
}

// step makes the object, changes it or deletes it.
func (l *ledger) step(ctx context.Context, name, value string, remove bool) {
	before := l.get(name)
	object := &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{valueLabel: value}}}
	var err error
	switch {
	case before == absent:
		_, err = l.client.Create(ctx, object, metav1.CreateOptions{})
	case remove:
		value = absent
		err = l.client.Delete(ctx, name, metav1.DeleteOptions{})
	default:
		err = l.update(ctx, name, value)
	}
	if err == nil {
		l.acknowledged.Add(1)
		l.set(name, value)
		return
	}
	l.failed.Add(1)
	l.settle(ctx, name, before, value)
}

// update is one with optimistic locking.
func (l *ledger) update(ctx context.Context, name, value string) error {
	object, err := l.client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	object.Labels[valueLabel] = value
	_, err = l.client.Update(ctx, object, metav1.UpdateOptions{})
	return err
}

// settle finds out what became of a write without an answer: it was done, or not.
func (l *ledger) settle(ctx context.Context, name, before, after string) {
	for ctx.Err() == nil {
		object, err := l.client.Get(ctx, name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond): // the server is coming up
			}
			continue
		}
		found := absent
		if err == nil {
			found = object.Labels[valueLabel]
		}
		if found != before && found != after {
			l.fault("%s: %q was acknowledged, %q was tried, %q is there", name, before, after, found)
		}
		l.set(name, found)
		return
	}
	l.set(name, "unknown") // the test has ended
}

// verify compares what is there with what was acknowledged.
func (l *ledger) verify(t *testing.T) {
	t.Helper()
	list, err := l.client.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, object := range list.Items {
		found[object.Name] = object.Labels[valueLabel]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, value := range l.values {
		if value != "unknown" && found[name] != value {
			l.faults = append(l.faults, fmt.Sprintf("%s: %q was acknowledged, %q is there at the end", name, value, found[name]))
		}
		delete(found, name)
	}
	for name := range found {
		l.faults = append(l.faults, name+": nobody has made it")
	}
	for _, fault := range l.faults {
		t.Error(fault)
	}
}

func (l *ledger) get(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.values[name]
}

func (l *ledger) set(name, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.values[name] = value
}

func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}
