// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/creation"
	"github.com/restage-dev/restage/pkg/cli/objects"
	"github.com/restage-dev/restage/pkg/cli/subresource"
	"github.com/restage-dev/restage/pkg/cli/workload"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// uploadCommand is kubectl restage snapshot upload.
type uploadCommand struct {
	cluster  *cluster.Cluster
	streams  genericiooptions.IOStreams
	workload string
	port     int32
	resume   bool
	wait     bool
	timeout  time.Duration
}

func newUpload(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &uploadCommand{cluster: c, streams: streams}
	cmd := &cobra.Command{
		Use:   "upload NAME FILE",
		Short: "Make a snapshot from a file of records",
		Long: `Make a snapshot from a file of records, NDJSON or HAR, as kubectl restage snapshot records or a browser writes it. With --workload the snapshot is made; without
it is there already, with upload in its spec. The file is sent in parts; one that breaks off goes on where it was, and what was interrupted is
taken up with --resume.`,
		Example: `  kubectl restage snapshot upload copy monday.ndjson --workload deploy/front
  kubectl restage snapshot upload browser site.har --workload deploy/front --port 8080
  kubectl restage snapshot upload copy monday.ndjson --resume`,
		Args: cobra.ExactArgs(2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return complete.Names(c, resource)(cmd, args, toComplete)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0], args[1]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&r.workload, "workload", "", "The workload that the records are of, as deploy/NAME; makes the snapshot.")
	flags.Int32Var(&r.port, "port", 0, "The container port that the requests of a HAR were made to, when it is not the one in their URLs. Only with --workload.")
	flags.BoolVar(&r.resume, "resume", false, "Go on where an earlier upload of the same file ended.")
	flags.BoolVar(&r.wait, "wait", true, "Wait until the snapshot is ready.")
	flags.DurationVar(&r.timeout, "timeout", 5*time.Minute, "How long to wait.")
	complete.Flag(cmd, "workload", complete.WorkloadOf(c))
	return cmd
}

func (r *uploadCommand) run(ctx context.Context, name, path string) error {
	if r.port != 0 && r.workload == "" {
		return errors.New("--port: needs --workload, which makes the snapshot")
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		return fmt.Errorf("%s: must be a file of records, and not empty", path)
	}
	restage, namespace, err := r.cluster.Here()
	if err != nil {
		return err
	}
	snapshots := restage.ReplayV1alpha1().TrafficSnapshots(namespace)
	snapshot, err := r.snapshot(ctx, snapshots, namespace, name)
	if err != nil {
		return objects.Explain(ctx, r.cluster, resource, err)
	}
	sub, err := subresource.New(r.cluster)
	if err != nil {
		return err
	}
	u := &upload{client: sub, name: name, file: file, size: info.Size(), errOut: r.streams.ErrOut}
	if err := u.send(ctx, r.resume); err != nil {
		return err
	}
	fmt.Fprintf(r.streams.Out, "%s uploaded\n", nameOf(snapshot))
	if !r.wait {
		return nil
	}
	ready, err := await(ctx, snapshots, snapshot, r.timeout, r.streams.ErrOut)
	if err != nil {
		return err
	}
	fmt.Fprintln(r.streams.Out, describe(ready))
	return nil
}

// snapshot returns the one that takes the upload. With --workload it is made, unless --resume says that it was made before.
func (r *uploadCommand) snapshot(ctx context.Context, snapshots typed.TrafficSnapshotInterface, namespace, name string) (*v1alpha1.TrafficSnapshot, error) {
	if r.workload == "" {
		return snapshots.Get(ctx, name, metav1.GetOptions{})
	}
	ref, err := workload.Parse(r.workload, r.cluster.Mapper)
	if err != nil {
		return nil, fmt.Errorf("--workload: %w", err)
	}
	snapshot := &v1alpha1.TrafficSnapshot{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.TrafficSnapshotSpec{WorkloadRef: ref, Upload: &v1alpha1.SnapshotUpload{}},
	}
	if r.port != 0 {
		snapshot.Spec.Upload.Port = &r.port
	}
	made, err := snapshots.Create(ctx, snapshot, metav1.CreateOptions{FieldManager: creation.FieldManager})
	if apierrors.IsAlreadyExists(err) && r.resume {
		return snapshots.Get(ctx, name, metav1.GetOptions{})
	}
	if err == nil {
		fmt.Fprintf(r.streams.Out, "%s created\n", nameOf(made))
	}
	return made, err
}
