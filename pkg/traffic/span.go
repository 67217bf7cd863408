// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package traffic

import "github.com/restage-dev/restage/pkg/traffic/trafficpb"

// Start returns when an exchange began, in Unix nanoseconds: the first byte of its request or, when the other side spoke
// first and there is no request, of its response. It is 0 when neither is known.
func Start(r *trafficpb.Record) int64 {
	if first := r.GetRequest().GetFirstByte(); first != 0 {
		return first
	}
	return r.GetResponse().GetFirstByte()
}

// End returns when an exchange ended, in Unix nanoseconds: the last byte of its response. It is 0 when there was none.
func End(r *trafficpb.Record) int64 {
	return r.GetResponse().GetLastByte()
}
