// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package generator

import (
	"context"
	"errors"
	"time"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	progressInterval = time.Second
	progressTimeout  = 2 * time.Second
	// progressLogged is how many reports of progress there are for one in the log.
	progressLogged = 10
)

// watchProgress tells the forwarder every second how far the engine is, until the context ends.
func (r *replay) watchProgress(ctx context.Context, e *engine) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for before, n := int64(0), 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		sent := e.sent.Load()
		p := e.progress(sent - before)
		r.putProgress(ctx, p)
		if n++; n%progressLogged == 0 {
			r.Log.Info("replaying", "sent", p.GetSent(), "total", p.GetTotal(), "rate", p.GetRate(), "errors", p.GetErrors())
		}
		before = sent
	}
}

func (r *replay) putProgress(ctx context.Context, p *trafficpb.Progress) {
	ctx, cancel := context.WithTimeout(ctx, progressTimeout)
	defer cancel()
	_, err := r.replays.PutProgress(ctx, &trafficpb.PutProgressRequest{Replay: reference(r.settings.Replay), Progress: p})
	if err != nil && !errors.Is(ctx.Err(), context.Canceled) {
		r.Log.Warn("reporting progress failed", "err", err) // the next one, or the report, makes up for it
	}
}
