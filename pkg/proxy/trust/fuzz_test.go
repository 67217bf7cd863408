// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"testing"

	"github.com/restage-dev/restage/pkg/authority"
)

// FuzzParseCertificates wants a file of trusted CAs to hold certificates and nothing else, or to be an error.
func FuzzParseCertificates(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		certificates, err := ParseCertificates(data)
		if (err == nil) == (len(certificates) == 0) {
			t.Fatalf("%d certificates, %v", len(certificates), err)
		}
		for _, c := range certificates {
			if again, err := ParseCertificates(authority.EncodeCertificate(c)); err != nil || !again[0].Equal(c) {
				t.Fatalf("written again it is another: %v", err)
			}
		}
	})
}
