// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

// Stored returns the bytes of a workload's files of traffic in the storage: by the last count, with what was sealed since.
func (j *Journal) Stored(workload Workload) int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.stored[workload]
}

// StoredBytes returns those of all workloads.
func (j *Journal) StoredBytes() (sum int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, bytes := range j.stored {
		sum += bytes
	}
	return sum
}

// CountStored takes over a count of what is in the storage. What was sealed while it was counted may be missing until the next one.
func (j *Journal) CountStored(counted map[Workload]int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stored = counted
}

func (j *Journal) addStored(workload Workload, bytes int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stored[workload] += bytes
}
