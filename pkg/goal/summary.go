// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package goal

// Summary is the result of a replay in numbers: what the variable summary of a goal holds. Its
// fields are named as those of TrafficReplay.status.summary.
type Summary struct {
	// Requests that were replayed.
	Requests int64 `json:"requests"`
	// Failed are the requests that got no response although the recording has one.
	Failed int64 `json:"failed"`
	// Differing are the responses that differ from the recording.
	Differing int64 `json:"differing"`
	// Skipped are the recorded requests that were not replayed because their record is incomplete.
	Skipped int64 `json:"skipped"`
	// Recorded are the latencies in the recording, from the first byte of the request to the last of the response.
	Recorded Latency `json:"recorded"`
	// Replayed are the latencies in the replay, from the intended start to the last byte of the response.
	Replayed Latency `json:"replayed"`
	// Matches counts the outbound calls by how they were matched.
	Matches Matches `json:"matches"`
	// Egress counts the connections that the workloads tried to make.
	Egress Egress `json:"egress"`
}

// Latency holds percentiles in seconds; all are 0 when nothing was measured.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Matches counts outbound calls by how they were matched.
type Matches struct {
	Total    int64 `json:"total"`
	Exact    int64 `json:"exact"`
	Denoised int64 `json:"denoised"`
	Missed   int64 `json:"missed"`
	// Percent of calls that were matched, 0 to 100; 100 when there were none.
	Percent float64 `json:"percent"`
}

// Egress counts the outbound connections of the isolated workloads.
type Egress struct {
	Attempted int64 `json:"attempted"`
	// Answered by the responder.
	Answered int64 `json:"answered"`
	// Internal are those of Answered that the responder led to the copy of another workload of the environment.
	Internal int64 `json:"internal"`
	// Refused within the pod.
	Refused int64 `json:"refused"`
	// Escaped is what is neither answered nor refused once all is quiet.
	Escaped int64 `json:"escaped"`
	// Dropped are packets of other protocols than TCP, not connections, that the rules of the pods kept in.
	Dropped int64 `json:"dropped"`
}
