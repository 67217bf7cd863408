// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command watch-verdict replays a snapshot, shows the progress and ends with the verdict as its exit code, for use in CI. It is
// also an example: it is a module of its own, and speaks to Restage through the generated clients alone.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	verdict, err := run(ctx, os.Args[1:], os.Stdout)
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "watch-verdict:", err)
	}
	os.Exit(int(verdict))
}

// run replays what the arguments ask for and prints how it goes.
func run(ctx context.Context, args []string, out io.Writer) (Verdict, error) {
	o, err := parse(args)
	if err != nil {
		return CouldNotRun, err
	}
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	config := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{})
	if o.namespace == "" {
		if o.namespace, _, err = config.Namespace(); err != nil {
			return CouldNotRun, fmt.Errorf("finding the namespace: %w", err)
		}
	}
	rest, err := config.ClientConfig()
	if err != nil {
		return CouldNotRun, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	client, err := versioned.NewForConfig(rest)
	if err != nil {
		return CouldNotRun, fmt.Errorf("making the client: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	if err := o.apply(ctx, client); err != nil {
		return CouldNotRun, err
	}
	return Watch(ctx, client, o.namespace, o.name, out)
}
