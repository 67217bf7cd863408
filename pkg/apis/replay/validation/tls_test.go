// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"testing"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

func TestCaptureTLS(t *testing.T) {
	for name, c := range map[string]struct {
		tls  *replay.CaptureTLS
		want string // field of the only error
	}{
		"absent":              {nil, ""},
		"outbound":            {&replay.CaptureTLS{Outbound: replay.TLSIntercept, TrustedCAsConfigMapName: "cas", ClientCertificateSecretName: "cert"}, ""},
		"inbound alone":       {&replay.CaptureTLS{Outbound: replay.TLSPassThrough, InboundSecretName: "cert"}, ""},
		"unused CAs":          {&replay.CaptureTLS{Outbound: replay.TLSPassThrough, TrustedCAsConfigMapName: "cas"}, "spec.tls.trustedCAsConfigMapName"},
		"unused certificate":  {&replay.CaptureTLS{Outbound: replay.TLSPassThrough, ClientCertificateSecretName: "cert"}, "spec.tls.clientCertificateSecretName"},
		"not a Secret's name": {&replay.CaptureTLS{Outbound: replay.TLSIntercept, InboundSecretName: "My Secret"}, "spec.tls.inboundSecretName"},
	} {
		errs := validateCaptureTLS(c.tls, specPath.Child("tls"))
		if c.want == "" && len(errs) > 0 || c.want != "" && (len(errs) != 1 || errs[0].Field != c.want) {
			t.Errorf("%s: errors %v, want one of %q", name, errs, c.want)
		}
	}
}
