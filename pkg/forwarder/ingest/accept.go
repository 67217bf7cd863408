// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/forwarder/journal"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/store"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	maxIDBytes     = 64
	maxReasonBytes = 1024
)

// accept makes a batch of a request, with the pod that the token proved in place of what the request says. What makes the
// request as a whole impossible to keep is an error, an InvalidArgument status that names the field. A record that cannot
// be kept becomes a loss: an error would have the proxy send the same again for ever.
func accept(pod auth.Pod, request *trafficpb.PushRequest, now time.Time) (*journal.Batch, error) {
	instance := request.GetProxyInstance()
	if instance == "" || len(instance) > maxIDBytes {
		return nil, invalid("proxyInstance: %q is not an id of 1 to %d bytes", instance, maxIDBytes)
	}
	batch := journal.NewBatch(journal.Source{PodUID: pod.UID, Instance: instance})
	for n, record := range request.GetRecords() {
		if err := checkOrigin(fmt.Sprintf("records[%d]", n), instance, record); err != nil {
			return nil, err
		}
		record.Namespace, record.Pod, record.PodUid, record.ProxyInstance = pod.Namespace, pod.Name, pod.UID, instance
		record.Parent, record.NotReplayable = "", false // set when a snapshot is cut
		var err error
		if reason := Refusal(record); reason != "" {
			err = batch.AddRefused(record.GetSequence(), refused(pod, record, reason, now))
		} else {
			err = batch.AddRecord(record)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(request.GetLosses()) > 0 && request.GetLossSequence() == 0 {
		return nil, invalid("lossSequence: 0 is not the sequence of the first of losses; they begin with 1")
	}
	for n, l := range request.GetLosses() {
		if err := auth.ValidName(fmt.Sprintf("losses[%d].workload", n), l.GetWorkload()); err != nil {
			return nil, err
		}
		loss := lossOf(pod, l, now)
		loss.ProxyInstance, loss.Sequence = instance, request.GetLossSequence()+uint64(n)
		if err := batch.AddLoss(loss); err != nil {
			return nil, err
		}
	}
	return batch, nil
}

func checkOrigin(field, instance string, r *trafficpb.Record) error {
	switch {
	case r.GetSequence() == 0:
		return invalid("%s.sequence: 0 is not a sequence; they begin with 1", field)
	case r.GetProxyInstance() != "" && r.GetProxyInstance() != instance:
		return invalid("%s.proxyInstance: %q is not %q, which the request has", field, r.GetProxyInstance(), instance)
	}
	return auth.ValidName(field+".workload", r.GetWorkload())
}

// Refusal says why a record cannot be kept, "" when it can. Defects that a newer proxy knows are kept without their name.
func Refusal(r *trafficpb.Record) string {
	for n, defect := range r.GetDefects() {
		if _, known := trafficpb.Defect_name[int32(defect)]; !known {
			r.Defects[n] = trafficpb.Defect_DEFECT_UNSPECIFIED
		}
	}
	switch {
	case r.GetId() == "" || len(r.GetId()) > maxIDBytes:
		return fmt.Sprintf("id %q is not an id of 1 to %d bytes", r.GetId(), maxIDBytes)
	case r.GetDirection() != trafficpb.Direction_DIRECTION_INBOUND && r.GetDirection() != trafficpb.Direction_DIRECTION_OUTBOUND:
		return fmt.Sprintf("direction %v is neither inbound nor outbound", r.GetDirection())
	case r.GetPort() == 0 || r.GetPort() > 65535:
		return fmt.Sprintf("port %d is not 1 to 65535", r.GetPort())
	case r.GetStatus() > 999:
		return fmt.Sprintf("status %d is not 0 to 999", r.GetStatus())
	case traffic.Start(r) <= 0:
		return "it has no time of its first byte"
	case proto.Size(r) > journal.MaxRecordBytes:
		return fmt.Sprintf("it has %d bytes, more than %d", proto.Size(r), journal.MaxRecordBytes)
	}
	return ""
}

// refused is the loss of a record that cannot be kept.
func refused(pod auth.Pod, r *trafficpb.Record, reason string, now time.Time) store.Loss {
	loss := lossOf(pod, &trafficpb.Loss{
		Direction: r.GetDirection(), Count: 1, From: traffic.Start(r), To: traffic.End(r),
		Workload: r.GetWorkload(), Reason: "refused by the forwarder: " + reason,
	}, now)
	loss.ProxyInstance = r.GetProxyInstance()
	return loss
}

// lossOf completes a loss. One without a time is of now, so that it falls into some window and is counted.
func lossOf(pod auth.Pod, l *trafficpb.Loss, now time.Time) store.Loss {
	loss := store.NewLoss(l)
	loss.Namespace, loss.Pod, loss.PodUID = pod.Namespace, pod.Name, pod.UID
	if loss.From <= 0 {
		loss.From = now.UnixNano()
	}
	loss.To = max(loss.From, loss.To)
	if len(loss.Reason) > maxReasonBytes {
		loss.Reason = loss.Reason[:maxReasonBytes]
	}
	return loss
}

func invalid(format string, arguments ...any) error {
	return status.Errorf(codes.InvalidArgument, format, arguments...)
}
