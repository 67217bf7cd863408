// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/apiserver/backup"
	"github.com/restage-dev/restage/pkg/apiserver/etcd"
)

// newBackupCommand takes one snapshot.
func newBackupCommand(o *Options) *cobra.Command {
	var to string
	command := &cobra.Command{
		Use:   "backup --to=PLACE",
		Short: "Take a snapshot of the store of a running server",
		Long: "backup takes a snapshot of the etcd of a running server: of the embedded one, in whose pod it must run, or of " +
			"that of --etcd-servers. The snapshot is one that etcdutl can read as well.",
		Example: "  kubectl -n restage-system exec deploy/restage-apiserver -- /restage-apiserver backup --data-dir=/var/lib/restage/etcd --to=- >restage.db",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if to == "" {
				return errors.New("--to: a place is required: a new file, a bucket (file:///directory, s3://bucket?region=name), or - for standard output")
			}
			if err := o.useRunningEtcd(); err != nil {
				return err
			}
			where, size, err := backup.To(command.Context(), o.Etcd.StorageConfig.Transport, to, command.OutOrStdout())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(command.ErrOrStderr(), "%s: %d bytes\n", where, size)
			return err
		},
	}
	share(command.Flags(), o, "data-dir", "etcd-servers", "etcd-cafile", "etcd-certfile", "etcd-keyfile")
	command.Flags().StringVar(&to, "to", "", "Where the snapshot goes: a new file, a bucket (file:///directory, s3://bucket?region=name), or - for standard output.")
	return command
}

// newRestoreCommand makes the data directory of the embedded etcd from a snapshot.
func newRestoreCommand(o *Options) *cobra.Command {
	var from, name string
	var moveAside bool
	command := &cobra.Command{
		Use:   "restore --from=PLACE",
		Short: "Make the data directory of the embedded etcd from a snapshot",
		Long: "restore makes the data directory of the embedded etcd from a snapshot, while no server runs. It refuses a directory that holds " +
			"data, unless that is to be moved aside. Resource versions go on at a value higher than all before, so that clients list anew instead of missing changes.\n\n" +
			"An etcd of your own is restored with etcdutl snapshot restore --bump-revision 1000000000 --mark-compacted.",
		Example: "  restage-apiserver restore --data-dir=/var/lib/restage/etcd --from=file:///var/lib/restage/backups",
		Args:    cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) (err error) {
			if from == "" {
				return errors.New("--from: a place is required: a file, a bucket (file:///directory, s3://bucket?region=name), or - for standard input")
			}
			snapshot, where, err := backup.From(command.Context(), from, name, command.InOrStdin())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, snapshot.Close()) }()
			revision, err := etcd.Restore(command.Context(), o.EmbeddedEtcd.DataDir, snapshot, moveAside)
			if err != nil {
				return fmt.Errorf("restoring %s: %w", where, err)
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "restored %s: resource versions go on at %d\n", where, revision)
			return err
		},
	}
	share(command.Flags(), o, "data-dir")
	command.Flags().StringVar(&from, "from", "", "Where the snapshot is: a file, a bucket (file:///directory, s3://bucket?region=name), or - for standard input.")
	command.Flags().StringVar(&name, "name", "", "Name of the backup in the bucket. Default is the newest.")
	command.Flags().BoolVar(&moveAside, "move-aside", false, "Keep data that is there under another name, etcd.aside-<time>, instead of refusing.")
	return command
}

// share adds some of the server's own flags to a command.
func share(flags *pflag.FlagSet, o *Options, names ...string) {
	all := pflag.NewFlagSet("server", pflag.ContinueOnError)
	o.addStorageFlags(all)
	o.Etcd.AddFlags(all)
	for _, name := range names {
		flags.AddFlag(all.Lookup(name))
	}
}
