// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/creation"
	"github.com/restage-dev/restage/pkg/cli/objects"
)

// planned is the name of an environment that is never made.
const planned = "plan"

// newPlan returns kubectl restage env plan.
func newPlan(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	var spec specFlags
	var name string
	cmd := &cobra.Command{
		Use:   "plan --snapshot SNAPSHOT",
		Short: "Print the exact pod templates that would run, and make nothing",
		Long: `Print the exact pod templates that would run in an environment, and make nothing. The server compiles them from the live workloads, the overrides and the class, in a
dry run that passes all of its checks.`,
		Example: `  kubectl restage env plan --snapshot monday
  kubectl restage env plan --snapshot monday --image app=registry.example/front:next`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			restage, namespace, err := c.Here()
			if err != nil {
				return err
			}
			client := restage.ReplayV1alpha1()
			environment, err := spec.environment(cmd.Context(), client, namespace, name)
			if err != nil {
				return err
			}
			compiled, err := client.Environments(namespace).Create(cmd.Context(), environment, metav1.CreateOptions{
				DryRun: []string{metav1.DryRunAll}, FieldManager: creation.FieldManager,
			})
			if err != nil {
				return err
			}
			return printTemplates(streams.Out, compiled)
		},
	}
	spec.addTo(cmd, c)
	cmd.Flags().StringVar(&name, "name", planned, "The name that the environment would have; what is made for it is named after it.")
	return cmd
}

// newShow returns kubectl restage env show.
func newShow(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	var templates bool
	cmd := &cobra.Command{
		Use:     "show NAME",
		Aliases: []string{"describe"},
		Short:   "Say how an environment stands and where it takes requests",
		Example: `  kubectl restage env show mocks
  kubectl restage env show mocks --templates`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Names(c, resource),
		RunE: func(cmd *cobra.Command, args []string) error {
			return show(cmd.Context(), c, streams.Out, args[0], templates)
		},
	}
	cmd.Flags().BoolVar(&templates, "templates", false, "Print the pod templates that run instead.")
	return cmd
}

func show(ctx context.Context, c *cluster.Cluster, out io.Writer, name string, templates bool) error {
	restage, namespace, err := c.Here()
	if err != nil {
		return err
	}
	client := restage.ReplayV1alpha1()
	environment, err := client.Environments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return objects.Explain(ctx, c, resource, err)
	}
	if templates {
		return printTemplates(out, environment)
	}
	fmt.Fprintf(out, "environment:  %s\nsnapshot:     %s\nclass:        %s\n", nameOf(environment), environment.Spec.SnapshotName, orNone(environment.Spec.ClassName))
	for _, workload := range environment.Spec.Workloads {
		fmt.Fprintf(out, "workload:     %s, a copy of %s %s%s\n", workload.Name, workload.Ref.Kind, workload.Ref.Name, overrides(workload.Containers))
	}
	if ready := meta.FindStatusCondition(environment.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		fmt.Fprintf(out, "ready:        %s, %s: %s\n", ready.Status, ready.Reason, ready.Message)
	}
	printEndpoints(out, environment)
	return nil
}

func overrides(containers []v1alpha1.ContainerOverride) string {
	var texts []string
	for _, container := range containers {
		if container.Image != "" {
			texts = append(texts, container.Name+" with image "+container.Image)
		}
		for _, variable := range container.Env {
			texts = append(texts, container.Name+" with "+variable.Name)
		}
	}
	if len(texts) == 0 {
		return ""
	}
	return ": " + strings.Join(texts, ", ")
}

func orNone(text string) string {
	if text == "" {
		return "<none>"
	}
	return text
}

// printTemplates prints what runs for each workload, a document each.
func printTemplates(out io.Writer, environment *v1alpha1.Environment) error {
	if slices.ContainsFunc(environment.Spec.Workloads, func(w v1alpha1.EnvironmentWorkload) bool { return w.Template == nil }) {
		return errors.New("the server has compiled no pod template: its admission plugin SidecarInjection is off")
	}
	for i, workload := range environment.Spec.Workloads {
		data, err := yaml.Marshal(workload.Template)
		if err != nil {
			return err
		}
		if i > 0 {
			fmt.Fprintln(out, "---")
		}
		fmt.Fprintf(out, "# workload %s, a copy of %s %s\n%s", workload.Name, workload.Ref.Kind, workload.Ref.Name, data)
	}
	return nil
}
