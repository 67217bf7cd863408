// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package authority

import (
	"testing"
	"time"
)

// FuzzParse wants the data of a Secret, which anybody may have written who may write Secrets, to be CAs that sign, or an error.
func FuzzParse(f *testing.F) {
	ca, err := New("test", time.Hour, time.Unix(1_790_000_000, 0))
	if err != nil {
		f.Fatal(err)
	}
	keys, err := List{ca}.Keys()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(List{ca}.Bundle(), keys)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), keys)
	f.Fuzz(func(t *testing.T, bundle, keys []byte) {
		list, err := Parse(bundle, keys)
		if err != nil {
			return
		}
		if len(list) > Most {
			t.Fatalf("%d CAs", len(list))
		}
		for _, a := range list {
			if a.Certificate == nil || a.Key == nil {
				t.Fatal("half of a CA")
			}
		}
	})
}
