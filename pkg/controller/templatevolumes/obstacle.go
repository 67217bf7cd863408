// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package templatevolumes

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// fresh is how long an answer holds. What records asks for each workload every few seconds.
const fresh = 5 * time.Second

// answer is the last one, for all who ask.
type answer struct {
	sync.Mutex
	given    time.Time
	obstacle string
}

// Obstacle says why no template may be written to: because nothing would keep it whole, and an owner's change of it could be refused, with nothing of
// Restage alive to help. It is empty when templates may be written to. A policy that is ours to keep is made for that if it is not there.
func (r *Reconciler) Obstacle(ctx context.Context) (string, error) {
	r.last.Lock()
	defer r.last.Unlock()
	if time.Since(r.last.given) < fresh {
		return r.last.obstacle, nil
	}
	obstacle, err := r.obstacle(ctx)
	if err == nil {
		r.last.given, r.last.obstacle = time.Now(), obstacle
	}
	return obstacle, err
}

func (r *Reconciler) obstacle(ctx context.Context) (string, error) {
	served, err := workload.HasPolicies(r.Kube.Discovery())
	if err != nil {
		return "", err
	}
	if !served {
		return workload.NoPolicies + "; install Restage with --injection=" + wiring.InjectionWebhook + ", which adds the proxy to pods as they are made", nil
	}
	if len(r.Namespaces) == 0 {
		return "", r.keep(ctx)
	}
	there, err := Exists(ctx, r.Kube)
	if there || err != nil {
		return "", err
	}
	return fmt.Sprintf("templates of live workloads are changed only where MutatingAdmissionPolicy %[1]s has kube-apiserver keep them whole while their owners change them, and there is none, or no binding of it; "+
		"whoever installs Restage for some namespaces brings it: kubectl restage install --namespaces %[2]s | kubectl apply -f -, with the flags that it was installed with",
		wiring.TemplateVolumes, strings.Join(r.Namespaces, ",")), nil
}
