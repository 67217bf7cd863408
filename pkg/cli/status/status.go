// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package status is kubectl restage status.
package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/exit"
	"github.com/restage-dev/restage/pkg/cli/output"
	"github.com/restage-dev/restage/pkg/kept"
	state "github.com/restage-dev/restage/pkg/status"
)

const (
	example = `  # What runs, what is recorded and what is replayed, in all namespaces
  kubectl restage status

  # Of one namespace, again and again
  kubectl restage status -n shop --watch

  # Names of the images and reasons as well
  kubectl restage status -o wide`

	watchInterval = 2 * time.Second
)

// options are the flags.
type options struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	output  output.Flag
	watch   bool
}

// New returns the command.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	o := &options{cluster: c, streams: streams}
	command := &cobra.Command{
		Use:   "status",
		Short: "Show what of Restage runs, what it records and what it replays",
		Long: `Show what of Restage runs, what it records and what it replays: in the namespace that --namespace names, else in all. Replays are those that
run and the last five that ended. Without --watch it also names pods that keep the recording proxy although no capture records them, and the command that
replaces them.

The exit code is 1 when Restage is not installed or not all could be looked at, as when its API does not answer.`,
		Example:           example,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(command *cobra.Command, _ []string) error { return o.run(command.Context()) },
	}
	command.Flags().BoolVarP(&o.watch, "watch", "w", false, "Print it again whenever it has changed, until interrupted.")
	o.output.Add(command, output.JSON, output.YAML, output.Wide)
	return command
}

func (o *options) run(ctx context.Context) error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	if !o.watch {
		text, err := o.render(ctx)
		_, writeErr := o.streams.Out.Write(text)
		return errors.Join(writeErr, err)
	}
	return o.follow(ctx)
}

// follow prints each state that differs from the one before. Ages change all the time, so states are compared without them.
func (o *options) follow(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	var last []byte
	for {
		gathered, err := o.gather(ctx)
		if err != nil {
			return err
		}
		var compared, shown bytes.Buffer
		if err := (&output.Flag{Format: output.JSON}).Write(&compared, gathered); err != nil {
			return err
		}
		if !bytes.Equal(compared.Bytes(), last) {
			last = compared.Bytes()
			if err := o.write(&shown, gathered); err != nil {
				return err
			}
			if !o.output.Structured() {
				shown.WriteByte('\n')
			}
			if _, err := shown.WriteTo(o.streams.Out); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// render returns what is printed, and an error that makes the exit code.
func (o *options) render(ctx context.Context) ([]byte, error) {
	gathered, err := o.gather(ctx)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := o.write(&text, gathered); err != nil {
		return nil, err
	}
	switch {
	case len(gathered.Components) == 0 && gathered.Trouble != "":
		return text.Bytes(), exit.With(exit.Failed, fmt.Errorf("no Restage is on this cluster; what it may have left is not known: %s", gathered.Trouble))
	case len(gathered.Components) == 0:
		return text.Bytes(), exit.With(exit.Failed, errors.New("no Restage is on this cluster; kubectl restage check --pre looks whether it can be"))
	case gathered.Trouble != "":
		return text.Bytes(), exit.With(exit.Failed, fmt.Errorf("not all could be looked at; kubectl restage check finds out why: %s", gathered.Trouble))
	}
	return text.Bytes(), nil
}

func (o *options) write(out io.Writer, gathered state.Status) error {
	if o.output.Structured() {
		return o.output.Write(out, gathered)
	}
	return show(out, gathered, o.output.Format == output.Wide, time.Now())
}

func (o *options) gather(ctx context.Context) (state.Status, error) {
	client, err := o.cluster.Restage()
	if err != nil {
		return state.Status{}, err
	}
	namespace := *o.cluster.Flags.Namespace
	look, err := o.look(namespace)
	if err != nil {
		return state.Status{}, err
	}
	found, err := o.cluster.Installation(ctx, "")
	if err != nil {
		return state.Status{}, err
	}
	return state.Gather(ctx, found, client, namespace, look), nil
}

// look returns what finds the pods that keep the proxy, as far as the user may look for them. A look at all pods is too much to have again and again.
func (o *options) look(namespace string) (state.Look, error) {
	if o.watch {
		return nil, nil
	}
	workloads, err := o.cluster.Workloads()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, except kept.Except) ([]kept.Pods, error) {
		found, err := kept.Find(ctx, workloads, namespace, except)
		if apierrors.IsForbidden(err) {
			return nil, nil
		}
		return found, err
	}, nil
}
