// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package wizard installs Restage step by step: it asks the few questions that matter, shows what it will apply and why each right is
// needed, applies on consent, waits until all is ready, and offers to record a first workload.
package wizard

import (
	"context"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/release"
	"github.com/restage-dev/restage/pkg/workload"
)

// wizard is one run.
type wizard struct {
	*terminal
	cluster *cluster.Cluster
	options install.Options

	context string // of the kubeconfig; empty inside a cluster
	kube    kubernetes.Interface
	client  *apply.Client
	objects []*unstructured.Unstructured

	applying bool               // something has been changed
	recorded *workload.Workload // the first one; nil for none
}

// errDeclined is that the user does not want to go on. It is no failure.
var errDeclined = errors.New("declined")

// Run asks with the options as the defaults of the answers.
func Run(ctx context.Context, c *cluster.Cluster, streams genericiooptions.IOStreams, options install.Options) error {
	t, err := openTerminal(streams)
	if err != nil {
		return err
	}
	if err := options.Validate(); err != nil {
		return err
	}
	w := &wizard{terminal: t, cluster: c, options: options}
	w.say(0, bold, "Restage "+release.Version+": installation")
	w.say(0, faint, "Press Enter to take the answer in brackets. Nothing is changed before you have seen everything and agreed; Ctrl-C leaves at any time.")
	for _, step := range []func(context.Context) error{
		w.chooseCluster, w.askNamespace, w.askWorkloads, w.askStorage, w.askServers, w.askImages,
		w.askMonitoring, w.review, w.apply, w.await, w.offerRecording, w.finish,
	} {
		if err := step(ctx); err != nil {
			return w.leave(ctx, err)
		}
	}
	return nil
}

// leave says what a run that ends early has left.
func (w *wizard) leave(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, errDeclined):
		w.line()
		w.say(0, "", "Nothing has been changed.")
		return nil
	case !errors.Is(err, errInterrupted) && ctx.Err() == nil:
		return err
	case w.applying:
		if !errors.Is(err, errInterrupted) { // it says how far that was
			w.say(2, red, "✗ "+err.Error())
		}
		return fmt.Errorf("interrupted; what has been applied stays and starts by itself. To see how it is: kubectl restage check. "+
			"To go on: %s. To take it away: kubectl restage uninstall", w.command())
	default:
		return errors.New("interrupted; nothing has been changed")
	}
}
