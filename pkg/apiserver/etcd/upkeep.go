// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"k8s.io/klog/v2"
)

const (
	upkeepInterval = 30 * time.Second
	upkeepTimeout  = 10 * time.Second
	defragTimeout  = 5 * time.Minute
	// worthwhile is the size of a database from which on one that is more than half empty is written anew. Reads and writes
	// wait for that, about a second for each 100 MiB.
	worthwhile = 64 << 20
)

// Upkeep measures etcd and, when it is our own, keeps it from filling up.
type Upkeep struct {
	Client *clientv3.Client
	// Embedded allows compaction, defragmentation and the end of the NOSPACE alarm. An etcd of the user's is only measured.
	Embedded bool
}

// Run works until the context ends.
func (u Upkeep) Run(ctx context.Context) {
	logger := klog.FromContext(ctx)
	for {
		if err := u.Once(ctx); err != nil && ctx.Err() == nil {
			logger.Error(err, "Looking after etcd failed")
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(upkeepInterval):
		}
	}
}

// Once measures etcd and frees space where that is due.
func (u Upkeep) Once(ctx context.Context) error {
	var errs []error
	for _, endpoint := range u.Client.Endpoints() {
		status, err := u.measure(ctx, endpoint)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if u.Embedded && status.DbSize >= worthwhile && status.DbSizeInUse < status.DbSize/2 {
			errs = append(errs, u.defragment(ctx, endpoint))
		}
	}
	full, err := u.alarms(ctx)
	errs = append(errs, err)
	if full && u.Embedded {
		errs = append(errs, u.recover(ctx))
	}
	return errors.Join(errs...)
}

func (u Upkeep) measure(ctx context.Context, endpoint string) (*clientv3.StatusResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, upkeepTimeout)
	defer cancel()
	status, err := u.Client.Status(ctx, endpoint)
	if err != nil {
		return nil, fmt.Errorf("measuring etcd at %s: %w", endpoint, err)
	}
	sizeBytes.WithLabelValues(endpoint).Set(float64(status.DbSize))
	inUseBytes.WithLabelValues(endpoint).Set(float64(status.DbSizeInUse))
	quotaBytes.WithLabelValues(endpoint).Set(float64(status.DbSizeQuota))
	return status, nil
}

// alarms publishes the alarms and tells whether etcd refuses writes because it is full.
func (u Upkeep) alarms(ctx context.Context) (full bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, upkeepTimeout)
	defer cancel()
	list, err := u.Client.AlarmList(ctx)
	if err != nil {
		return false, fmt.Errorf("reading the alarms of etcd: %w", err)
	}
	raised := map[etcdserverpb.AlarmType]float64{etcdserverpb.AlarmType_NOSPACE: 0, etcdserverpb.AlarmType_CORRUPT: 0}
	for _, alarm := range list.Alarms {
		raised[alarm.Alarm] = 1
	}
	for kind, value := range raised {
		alarmRaised.WithLabelValues(kind.String()).Set(value)
	}
	full = raised[etcdserverpb.AlarmType_NOSPACE] == 1
	if full {
		klog.FromContext(ctx).Error(nil, "etcd is full: writes are refused until objects are deleted or its quota is raised", "endpoints", u.Client.Endpoints())
	}
	if raised[etcdserverpb.AlarmType_CORRUPT] == 1 {
		klog.FromContext(ctx).Error(nil, "etcd has found its data corrupt: restore a backup", "endpoints", u.Client.Endpoints())
	}
	return full, nil
}

// recover frees what a full database still holds of the past, and lets writes in again when that was enough. The API server
// cannot: its compaction begins with a write.
func (u Upkeep) recover(ctx context.Context) error {
	endpoint := u.Client.Endpoints()[0]
	status, err := u.measure(ctx, endpoint)
	if err != nil {
		return err
	}
	_, err = u.Client.Compact(ctx, status.Header.Revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("compacting the full etcd: %w", err)
	}
	if status, err = u.measure(ctx, endpoint); err != nil {
		return err
	}
	enough := status.DbSizeQuota / 10 * 9 // else the next writes would raise the alarm at once
	if status.DbSizeInUse >= enough {
		return nil
	}
	if status.DbSize >= enough {
		if err := u.defragment(ctx, endpoint); err != nil {
			return err
		}
	}
	if _, err := u.Client.AlarmDisarm(ctx, &clientv3.AlarmMember{MemberID: status.Header.MemberId, Alarm: etcdserverpb.AlarmType_NOSPACE}); err != nil {
		return fmt.Errorf("ending the NOSPACE alarm of etcd: %w", err)
	}
	alarmRaised.WithLabelValues(etcdserverpb.AlarmType_NOSPACE.String()).Set(0)
	klog.FromContext(ctx).Info("etcd has space again: writes are accepted", "inUseBytes", status.DbSizeInUse, "quotaBytes", status.DbSizeQuota)
	return nil
}

func (u Upkeep) defragment(ctx context.Context, endpoint string) error {
	ctx, cancel := context.WithTimeout(ctx, defragTimeout)
	defer cancel()
	start := time.Now()
	if _, err := u.Client.Defragment(ctx, endpoint); err != nil {
		defragmentations.WithLabelValues("error").Inc()
		return fmt.Errorf("defragmenting etcd: %w", err)
	}
	defragmentations.WithLabelValues("success").Inc()
	status, err := u.measure(ctx, endpoint)
	if err != nil {
		return err
	}
	klog.FromContext(ctx).Info("Defragmented etcd", "sizeBytes", status.DbSize, "duration", time.Since(start))
	return nil
}
