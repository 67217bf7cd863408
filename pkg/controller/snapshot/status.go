// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// fillStatus writes what a manifest says into the status of its snapshot.
func fillStatus(s *v1alpha1.TrafficSnapshotStatus, manifest *trafficpb.Manifest) {
	s.StartTime = microTime(manifest.GetFirstRequest())
	s.EndTime = microTime(manifest.GetLastRequest())
	s.Inbound = int64(manifest.GetInbound())
	s.Outbound = int64(manifest.GetOutbound())
	records := manifest.GetInbound() + manifest.GetOutbound()
	s.Completeness = &v1alpha1.Completeness{
		Records:       int64(records),
		Incomplete:    int64(manifest.GetIncomplete()),
		Dropped:       int64(manifest.GetDropped()),
		NotReplayable: int64(manifest.GetNotReplayable()),
		Percent:       capture.Percent(records, manifest.GetIncomplete(), manifest.GetDropped()),
	}
	s.Redacted = capture.ReasonCounts(manifest.GetRedacted())
	s.Slices = slicesOf(manifest)
	s.SizeBytes = manifest.GetSizeBytes()
	s.ContentHash = manifest.GetContentHash()
}

// slicesOf lists the slices, one for each key and direction. Where a slice holds several protocols it
// is named after the one with the most records.
func slicesOf(manifest *trafficpb.Manifest) []v1alpha1.Slice {
	type identity struct {
		key       string
		direction v1alpha1.Direction
	}
	var list []v1alpha1.Slice
	index, most := map[identity]int{}, map[identity]int64{}
	for _, info := range manifest.GetSlices() {
		id, records := identity{info.GetKey(), direction(info.GetDirection())}, int64(info.GetRecords())
		i, known := index[id]
		if !known {
			i = len(list)
			index[id] = i
			list = append(list, v1alpha1.Slice{Key: id.key, Direction: id.direction})
		}
		list[i].Records += records
		if records >= most[id] {
			most[id], list[i].Protocol = records, info.GetProtocol()
		}
	}
	return list
}

func direction(d trafficpb.Direction) v1alpha1.Direction {
	if d == trafficpb.Direction_DIRECTION_INBOUND {
		return v1alpha1.DirectionInbound
	}
	return v1alpha1.DirectionOutbound
}

func microTime(nanoseconds int64) *metav1.MicroTime {
	if nanoseconds == 0 {
		return nil
	}
	// What the API keeps has microseconds.
	return &metav1.MicroTime{Time: time.Unix(0, nanoseconds).Truncate(time.Microsecond)}
}
