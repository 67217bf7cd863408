// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

// WorkloadReference names a workload in the namespace of the object that refers to it.
type WorkloadReference struct {
	APIVersion string
	Kind       string
	Name       string
}

// Direction tells on which side of the workload a call was seen.
type Direction string

const (
	// DirectionInbound is a call that the workload received.
	DirectionInbound Direction = "Inbound"
	// DirectionOutbound is a call that the workload made.
	DirectionOutbound Direction = "Outbound"
)

// Slice is one part of recorded traffic that can be named in tests and mocks.
type Slice struct {
	Key       string
	Direction Direction
	Protocol  string
	Records   int64
}

// Completeness states what a recording holds and what it is known to lack.
type Completeness struct {
	Records       int64
	Incomplete    int64
	Dropped       int64
	NotReplayable int64
	Percent       string
}

// Condition types shared by the kinds of this group.
const (
	// ConditionReady is true when the object does what its spec asks for.
	ConditionReady = "Ready"
)
