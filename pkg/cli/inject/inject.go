// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package inject is kubectl restage inject and uninject: for workloads that are managed in Git, as pipes over YAML and against the cluster.
package inject

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/manifest"
)

// maxStream bounds what is read of manifests.
const maxStream = 64 << 20

// command is inject or uninject.
type command struct {
	cluster  *cluster.Cluster
	streams  genericiooptions.IOStreams
	filename string
	output   string
	settings settings
}

// New returns kubectl restage inject.
func New(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &command{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "inject (-f FILENAME | KIND/WORKLOAD...)",
		Short: "Put the recording proxy into workloads, in YAML or in the cluster",
		Long: `Put the recording proxy into workloads, for when they are managed in Git or the operator is not to change them.

With -f it is a pipe: manifests in, manifests out. Into every workload, Jobs and Pods included, it puts what the operator would add, and the annotation that has it recorded; all else
stays as it is. To inject again changes nothing; kubectl restage uninject gives back the original.

With names it changes workloads in the cluster by server-side apply, as the field manager ` + capture.InjectManager + `, so that uninject takes out exactly what was put in. That takes a
policy that has kube-apiserver keep templates whole, as with --injection=workload, from Kubernetes 1.36 on. Use kubectl restage capture start to have the operator do it instead. Jobs and
Pods cannot be changed once they exist, so that they are injected with -f and created again.

The image and the pull secrets are those of the installation in the cluster, unless --image or --registry is given.`,
		Example: `  kubectl kustomize . | kubectl restage inject -f - | kubectl apply -f -
  kubectl restage inject -f deploy.yaml --image registry.example/restage/proxy:v0.1.0 >deploy-recorded.yaml
  kubectl restage inject deploy/front`,
		ValidArgsFunction: complete.MoreWorkloads(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.validate(args); err != nil {
				return err
			}
			options, err := r.settings.options(cmd.Context(), c, streams.ErrOut)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				return r.each(args, func(name string) (string, error) { return apply(cmd.Context(), c, name, options) })
			}
			return r.pipe(func(data []byte) (*manifest.Result, error) { return manifest.Inject(data, options) }, "injected")
		},
	}
	r.addFlags(cmd)
	r.settings.addTo(cmd)
	return cmd
}

// NewUninject returns kubectl restage uninject.
func NewUninject(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &command{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "uninject (-f FILENAME | KIND/WORKLOAD...)",
		Short: "Take the recording proxy out of workloads, in YAML or in the cluster",
		Long: `Take out of workloads what kubectl restage inject put in. With -f it is a pipe over manifests; with names it changes workloads in the cluster. What the operator put
in is taken out by kubectl restage capture stop, and by this where no capture has it put in again, as after a change of --injection.`,
		Example: `  kubectl restage uninject -f deploy-recorded.yaml | kubectl apply -f -
  kubectl restage uninject deploy/front`,
		ValidArgsFunction: complete.MoreWorkloads(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.validate(args); err != nil {
				return err
			}
			if len(args) > 0 {
				return r.each(args, func(name string) (string, error) { return withdraw(cmd.Context(), c, name) })
			}
			return r.pipe(manifest.Uninject, "uninjected")
		},
	}
	r.addFlags(cmd)
	return cmd
}

func (r *command) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&r.filename, "filename", "f", "", "The file with the manifests, - for standard input.")
	cmd.Flags().StringVar(&r.output, "output-file", "", "Write to this file instead of standard output; it may be the one that was read.")
}

func (r *command) validate(args []string) error {
	switch {
	case (len(args) > 0) == (r.filename != ""):
		return fmt.Errorf("give -f FILENAME, with - for standard input, or the names of workloads such as deploy/front")
	case len(args) > 0 && r.output != "":
		return fmt.Errorf("--output-file: needs -f")
	default:
		return nil
	}
}

// each changes workloads of the cluster one after another.
func (r *command) each(names []string, change func(name string) (string, error)) error {
	for _, name := range names {
		done, err := change(name)
		if err != nil {
			return err
		}
		fmt.Fprintln(r.streams.Out, done)
	}
	return nil
}

// pipe changes manifests.
func (r *command) pipe(change func([]byte) (*manifest.Result, error), done string) error {
	data, err := r.read()
	if err != nil {
		return err
	}
	result, err := change(data)
	if err != nil {
		return fmt.Errorf("--filename %q: %w", r.filename, err)
	}
	for _, name := range result.Changed {
		fmt.Fprintf(r.streams.ErrOut, "%s %s\n", name, done)
	}
	for _, name := range result.Bared {
		fmt.Fprintf(r.streams.ErrOut, "%s had no imagePullSecrets: now that it has, Kubernetes no longer takes those of its service account; name them with --image-pull-secrets, too\n", name)
	}
	if len(result.Changed) == 0 {
		fmt.Fprintln(r.streams.ErrOut, "nothing to change: there is no such workload in the manifests")
	}
	if r.output == "" {
		_, err := r.streams.Out.Write(result.YAML)
		return err
	}
	if err := os.WriteFile(r.output, result.YAML, 0o644); err != nil { //nolint:gosec // a manifest is no secret
		return fmt.Errorf("--output-file: %w", err)
	}
	return nil
}

func (r *command) read() ([]byte, error) {
	in := r.streams.In
	if r.filename != "-" {
		file, err := os.Open(r.filename)
		if err != nil {
			return nil, fmt.Errorf("--filename: %w", err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxStream+1))
	if err != nil {
		return nil, fmt.Errorf("--filename %q: %w", r.filename, err)
	}
	if len(data) > maxStream {
		return nil, fmt.Errorf("--filename %q: has more than %d MiB", r.filename, maxStream>>20)
	}
	return data, nil
}
