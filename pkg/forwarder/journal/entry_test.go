// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"testing"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// FuzzDecode wants an entry of the log to be of one kind, or an error.
func FuzzDecode(f *testing.F) {
	record, err := encodeRecord(&trafficpb.Record{Id: "r", Sequence: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add(append([]byte{lossEntry}, `{"Count":3,"Reason":"overflow"}`...))
	f.Add(append([]byte{markEntry}, `{"PodUID":"u","Instance":"i","Record":7,"Loss":1}`...))
	f.Add(append([]byte{totalsEntry}, `{"Namespace":"shop","Name":"front","Records":7,"Redacted":{"Email":2}}`...))
	f.Fuzz(func(t *testing.T, entry []byte) {
		e, err := decode(entry)
		kinds := 0
		for _, there := range []bool{e.record != nil, e.loss != nil, e.mark != nil, e.totals != nil} {
			if there {
				kinds++
			}
		}
		if err == nil && kinds != 1 || err != nil && kinds != 0 {
			t.Fatalf("%d kinds, %v", kinds, err)
		}
	})
}
