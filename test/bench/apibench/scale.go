// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/test/bench/controlplane"
)

const (
	creators = 16
	chunk    = 500
	writes   = 100 // that all informers hear of
)

// scale makes very many replays, lists them in chunks and has many informers watch them.
func (b *bench) scale(ctx context.Context) error {
	if b.objects == 0 {
		return nil
	}
	b.out.line("\n| %d TrafficReplays | | restage-apiserver holds | kube-apiserver holds |\n|---|---|---|---|", b.objects)
	b.memory("before", "")
	start := time.Now()
	if err := b.createMany(ctx); err != nil {
		return err
	}
	b.memory("created through kube-apiserver", fmt.Sprintf("%.0f/s with %d clients", float64(b.objects)/time.Since(start).Seconds(), creators))
	for range 2 { // the second finds caches warm
		start := time.Now()
		pages, err := b.listChunks(ctx)
		if err != nil {
			return err
		}
		b.memory(fmt.Sprintf("listed in chunks of %d", chunk), fmt.Sprintf("%d chunks, p50 %s, p99 %s, all %s",
			len(pages.latencies), short(pages.quantile(0.5)), short(pages.quantile(0.99)), time.Since(start).Round(time.Millisecond)))
	}
	return b.watchMany(ctx)
}

func (b *bench) memory(what, result string) {
	held := make([]string, 0, 2)
	for _, process := range []*controlplane.Process{b.plane.Restage, b.plane.Kube} {
		bytes, err := process.RSS()
		if err != nil {
			held = append(held, "ended")
			continue
		}
		held = append(held, mebibytes(bytes))
	}
	b.out.line("| %s | %s | %s | %s |", what, result, held[0], held[1])
}

func (b *bench) createMany(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for client := range creators {
		group.Go(func() error {
			for i := client; i < b.objects; i += creators {
				body := ours.encode("TrafficReplay", against(replay(fmt.Sprintf("many-%06d", i), nil)))
				if err := ours.create(ctx, b.raw, "trafficreplays", body); err != nil {
					return fmt.Errorf("creating replay %d: %w", i, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// against makes of a replay one against a running system, whose creation does not read the workload: it is the number of objects that
// matters here.
func against(r *v1alpha1.TrafficReplay) *v1alpha1.TrafficReplay {
	r.Spec.Mode, r.Spec.Target, r.Spec.Workloads = v1alpha1.ModeLoadOnly, &v1alpha1.ReplayTarget{URL: "http://staging.example"}, nil
	return r
}

// listChunks returns the latencies of the chunks.
func (b *bench) listChunks(ctx context.Context) (*measured, error) {
	m, token, count := &measured{}, "", 0
	for {
		start := time.Now()
		data, err := b.raw.Get().AbsPath(ours.path("trafficreplays")).Param("limit", strconv.Itoa(chunk)).Param("continue", token).Do(ctx).Raw()
		if err != nil {
			return nil, fmt.Errorf("listing chunk %d: %w", len(m.latencies), err)
		}
		m.latencies = append(m.latencies, time.Since(start))
		var page struct {
			Metadata metav1.ListMeta `json:"metadata"`
			Items    []struct{}      `json:"items"`
		}
		if err := json.Unmarshal(data, &page); err != nil {
			return nil, fmt.Errorf("reading chunk %d: %w", len(m.latencies), err)
		}
		count += len(page.Items)
		if token = page.Metadata.Continue; token == "" {
			break
		}
	}
	if count < b.objects {
		return nil, fmt.Errorf("%d objects were listed of %d", count, b.objects)
	}
	return m, nil
}

// watchMany runs the informers in a process of their own, which says when each has heard of a write.
func (b *bench) watchMany(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, self, "informers", b.plane.Kubeconfig, strconv.Itoa(b.informers))
	out, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	command.Stderr = os.Stderr
	start := time.Now()
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting the informers: %w", err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil { // all are synced
		return fmt.Errorf("waiting for the informers: %w", err)
	}
	b.memory(fmt.Sprintf("%d informers hold all", b.informers), "after "+time.Since(start).Round(time.Second).String())
	m, err := b.tellAll(ctx, lines)
	if err != nil {
		return err
	}
	b.memory(fmt.Sprintf("a write until %d informers know", b.informers), fmt.Sprintf("p50 %s, p99 %s", short(m.quantile(0.5)), short(m.quantile(0.99))))
	return nil
}

func (b *bench) tellAll(ctx context.Context, lines *bufio.Reader) (*measured, error) {
	m := &measured{}
	for i := range writes {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"change":"%d"}}}`, i)
		start := time.Now()
		err := b.raw.Patch(types.MergePatchType).AbsPath(ours.path("trafficreplays", fmt.Sprintf("many-%06d", i))).Body(patch).Do(ctx).Error()
		if err != nil {
			return nil, fmt.Errorf("writing: %w", err)
		}
		if _, err := lines.ReadString('\n'); err != nil { // the last has heard
			return nil, fmt.Errorf("waiting for the informers: %w", err)
		}
		m.latencies = append(m.latencies, time.Since(start))
	}
	return m, nil
}
