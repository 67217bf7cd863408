// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	reportTimeout = 30 * time.Second
	// maxReport bounds what is read of a report; the generator bounds what it writes far below it.
	maxReport = 64 << 20
)

// verdict takes the ending from the report. Without a report the replay has failed, for the reason given.
func (r *Reconciler) verdict(ctx context.Context, replay *v1alpha1.TrafficReplay, otherwise string) (*ending, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, reportTimeout)
	defer cancel()
	document, err := readReport(ctx, r.Forwarder, objectRef(replay))
	if status.Code(err) == codes.NotFound {
		return failed(reasonGenerator, otherwise), 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	if document.Replay.UID != string(replay.UID) {
		return failed(reasonGenerator, fmt.Sprintf("the report is that of another replay, with the uid %q", document.Replay.UID)), 0, nil
	}
	e := &ending{passed: metav1.ConditionFalse, reason: document.Reason, message: document.Message, summary: summaryOf(document)}
	if document.Passed && len(document.Invalid) == 0 {
		e.passed = metav1.ConditionTrue
	}
	return e, 0, nil
}

func readReport(ctx context.Context, client trafficpb.ReplaysClient, ref *trafficpb.ObjectRef) (*report.Report, error) {
	stream, err := client.GetReport(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	var data []byte
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return report.Decode(data)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the report: %w", err)
		}
		if len(data)+len(chunk.GetData()) > maxReport {
			return nil, fmt.Errorf("reading the report: it is larger than %d bytes", maxReport)
		}
		data = append(data, chunk.GetData()...)
	}
}

// summaryOf writes the numbers of a report as the API has them.
func summaryOf(document *report.Report) *v1alpha1.ReplaySummary {
	s := document.Summary
	summary := &v1alpha1.ReplaySummary{
		Requests:  s.Requests,
		Failed:    s.Failed,
		Differing: s.Differing,
		Skipped:   s.Skipped,
		Recorded:  latency(s.Recorded),
		Replayed:  latency(s.Replayed),
		Matches: v1alpha1.MatchSummary{
			Total: s.Matches.Total, Exact: s.Matches.Exact, Denoised: s.Matches.Denoised, Missed: s.Matches.Missed,
		},
		Egress: v1alpha1.EgressCounts{
			Attempted: s.Egress.Attempted, Answered: s.Egress.Answered, Internal: s.Egress.Internal, Refused: s.Egress.Refused, Escaped: s.Egress.Escaped,
			Dropped: s.Egress.Dropped,
		},
	}
	if document.Outbound != nil {
		summary.Matches.Percent = strconv.FormatFloat(s.Matches.Percent, 'f', 2, 64)
	}
	for _, result := range s.Goals {
		summary.Goals = append(summary.Goals, v1alpha1.GoalResult{Name: result.Name, Passed: result.Passed, Message: result.Message})
	}
	return summary
}

func latency(l goal.Latency) v1alpha1.LatencySummary {
	return v1alpha1.LatencySummary{P50: seconds(l.P50), P90: seconds(l.P90), P99: seconds(l.P99), Max: seconds(l.Max)}
}

func seconds(value float64) metav1.Duration {
	return metav1.Duration{Duration: time.Duration(value * float64(time.Second)).Round(time.Microsecond)}
}
