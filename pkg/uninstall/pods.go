// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/kept"
)

// addPods adds the workloads whose pods keep the proxy whatever is removed. A rescue is made when nothing else works, and they do no harm: it goes on.
func (p *Plan) addPods(ctx context.Context, c *Clients, o Options) error {
	keeping, err := c.keeping(ctx)
	if err != nil {
		return err
	}
	if o.Rescue {
		p.Leave = keeping
		return nil
	}
	for _, object := range keeping {
		object.Reason += " (while a capture records them new pods get it as well, so end that before)"
		p.Blockers = append(p.Blockers, object)
	}
	return nil
}

// keeping are the workloads whose pods keep the proxy until somebody replaces them, and how.
func (c *Clients) keeping(ctx context.Context) (all []Object, err error) {
	found, err := kept.Find(ctx, c.recordable(), metav1.NamespaceAll)
	for _, pods := range found {
		all = append(all, Object{
			Kind: pods.Workload.Kind, Namespace: pods.Namespace, Name: pods.Workload.Name,
			Reason: fmt.Sprintf("%d of its pods keep the recording proxy, which relays, until they are replaced: %s", len(pods.Names), pods.Command),
		})
	}
	return all, err
}
