// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/creation"
	"github.com/restage-dev/restage/pkg/cli/follow"
	"github.com/restage-dev/restage/pkg/cli/progress"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

var errTooLong = errors.New("waited for too long")

// createCommand is kubectl restage env create.
type createCommand struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	spec    specFlags
	create  *creation.Flags
	wait    bool
	timeout time.Duration
}

func newCreate(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &createCommand{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "create NAME --snapshot SNAPSHOT",
		Short: "Make an environment that stands until it is deleted",
		Long: `Make an environment that stands until it is deleted: a copy of each workload, whose dependencies are played from the snapshot and which reaches nothing else. Send it
requests of your own, or replay in it with kubectl restage replay run --environment.`,
		Example: `  kubectl restage env create mocks --snapshot monday --wait
  kubectl restage env create next --snapshot monday --image app=registry.example/front:next --on-miss 502`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              r.run,
	}
	r.spec.addTo(cmd, c)
	cmd.Flags().BoolVar(&r.wait, "wait", false, "Wait until the environment is ready, and say where it takes requests.")
	cmd.Flags().DurationVar(&r.timeout, "timeout", 5*time.Minute, "How long to wait.")
	r.create = creation.Add(cmd, "created")
	return cmd
}

func (r *createCommand) run(cmd *cobra.Command, args []string) error {
	if err := r.create.Complete(cmd); err != nil {
		return err
	}
	restage, namespace, err := r.cluster.Here()
	if err != nil {
		return err
	}
	client := restage.ReplayV1alpha1()
	environment, err := r.spec.environment(cmd.Context(), client, namespace, args[0])
	if err != nil {
		return err
	}
	environment, err = creation.Make(r.create, environment, func(environment *v1alpha1.Environment, options metav1.CreateOptions) (*v1alpha1.Environment, error) {
		return client.Environments(namespace).Create(cmd.Context(), environment, options)
	})
	if err != nil {
		return err
	}
	waits := r.wait && !r.create.IsDryRun()
	if !waits || !r.create.IsDocument() {
		if err := r.create.Print(environment, r.streams.Out); err != nil || !waits {
			return err
		}
	}
	ready, err := r.await(cmd.Context(), client.Environments(namespace), environment)
	if err != nil {
		return err
	}
	if r.create.IsDocument() {
		return r.create.Print(ready, r.streams.Out)
	}
	fmt.Fprintf(r.streams.Out, "%s is ready\n", nameOf(ready))
	printEndpoints(r.streams.Out, ready)
	return nil
}

func (r *createCommand) await(ctx context.Context, client typed.EnvironmentInterface, environment *v1alpha1.Environment) (*v1alpha1.Environment, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, errTooLong)
	defer cancel()
	display := progress.New(r.streams.ErrOut)
	defer display.Close()
	last := "the operator has not taken it up"
	var ready *v1alpha1.Environment
	err := follow.Until(ctx, client, follow.Options[*v1alpha1.Environment]{
		Name: environment.Name, UID: environment.UID,
		Seen: func(now *v1alpha1.Environment) (bool, error) {
			condition := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady)
			if condition == nil {
				display.Step("waiting for the environment to be built")
				return false, nil
			}
			last = condition.Reason + ": " + condition.Message
			display.Step(condition.Message)
			ready = now
			return condition.Status == metav1.ConditionTrue, nil
		},
		Gone: func() error { return fmt.Errorf("%s was deleted before it was ready", nameOf(environment)) },
		Lost: func(err error) { display.Step("the API does not answer, trying again: " + err.Error()) },
	})
	if errors.Is(err, errTooLong) {
		return nil, fmt.Errorf("%s is not ready within %s: %s", nameOf(environment), r.timeout, last)
	}
	return ready, err
}

// printEndpoints says where the copies take requests.
func printEndpoints(out io.Writer, environment *v1alpha1.Environment) {
	for _, endpoint := range environment.Status.Endpoints {
		for _, port := range endpoint.Ports {
			fmt.Fprintf(out, "%s takes requests at http://%s:%d\n", endpoint.Workload, endpoint.Host, port)
		}
	}
}
