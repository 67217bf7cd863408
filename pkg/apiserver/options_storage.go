// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/apiserver/etcd"
)

const (
	defaultDataDir        = "/var/lib/restage"
	defaultQuota          = 1 << 30
	defaultBackupInterval = time.Hour
	defaultBackupKeep     = 24
	minBackupInterval     = time.Minute
)

// BackupOptions say where, how often and how many backups of the store are kept.
type BackupOptions struct {
	URL      string // of a bucket; empty for none
	Interval time.Duration
	Keep     int
}

func defaultBackup() BackupOptions {
	return BackupOptions{Interval: defaultBackupInterval, Keep: defaultBackupKeep}
}

func (o *Options) addStorageFlags(flags *pflag.FlagSet) {
	flags.StringVar(&o.EmbeddedEtcd.DataDir, "data-dir", o.EmbeddedEtcd.DataDir,
		"Directory of the embedded etcd, which runs unless --etcd-servers is given. It must outlive the pod.")
	flags.Int64Var(&o.EmbeddedEtcd.QuotaBytes, "data-quota-bytes", o.EmbeddedEtcd.QuotaBytes,
		"Size of the embedded etcd's database, in bytes, at which writes are refused. The volume needs three times as much.")
	flags.StringVar(&o.Backup.URL, "backup-url", o.Backup.URL,
		"Where backups of the store, embedded or not, go to: file:///directory or s3://bucket?region=name. Empty: none are taken.")
	flags.DurationVar(&o.Backup.Interval, "backup-interval", o.Backup.Interval,
		"How often a backup is taken. Replicas that share a --backup-url take turns.")
	flags.IntVar(&o.Backup.Keep, "backup-keep", o.Backup.Keep,
		"How many backups are kept; older ones are deleted.")
}

// validateStorage returns what is wrong with the settings of the store.
func (o *Options) validateStorage() (errs []error) {
	if o.embedded() {
		if o.EmbeddedEtcd.DataDir == "" {
			errs = append(errs, errors.New("--data-dir: a directory is required without --etcd-servers"))
		}
		if interval := o.Etcd.StorageConfig.CompactionInterval; interval <= 0 {
			errs = append(errs, fmt.Errorf("--etcd-compaction-interval: %v must be positive without --etcd-servers: nothing else compacts the embedded etcd", interval))
		}
	} else {
		errs = append(errs, o.Etcd.Validate()...)
	}
	if o.EmbeddedEtcd.QuotaBytes <= 0 {
		errs = append(errs, fmt.Errorf("--data-quota-bytes: %d must be positive", o.EmbeddedEtcd.QuotaBytes))
	}
	if parsed, err := url.Parse(o.Backup.URL); o.Backup.URL != "" && (err != nil || (parsed.Scheme != "file" && parsed.Scheme != "s3")) {
		errs = append(errs, fmt.Errorf("--backup-url: %q must be file:///directory or s3://bucket?region=name", o.Backup.URL))
	}
	if o.Backup.Interval < minBackupInterval {
		errs = append(errs, fmt.Errorf("--backup-interval: %v must be at least %v", o.Backup.Interval, minBackupInterval))
	}
	if o.Backup.Keep < 1 {
		errs = append(errs, fmt.Errorf("--backup-keep: %d must be at least 1", o.Backup.Keep))
	}
	return errs
}

// useRunningEtcd has the client settings lead to the embedded etcd of a running server, unless another is named.
func (o *Options) useRunningEtcd() error {
	if !o.embedded() {
		return nil
	}
	address, err := etcd.URL(o.EmbeddedEtcd.DataDir)
	o.Etcd.StorageConfig.Transport.ServerList = []string{address}
	return err
}
