// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// validateCaptureTLS refuses names that name nothing, and what would be of no use.
func validateCaptureTLS(tls *replay.CaptureTLS, path *field.Path) field.ErrorList {
	if tls == nil {
		return nil
	}
	var errs field.ErrorList
	for _, object := range []struct {
		field, name string
		outbound    bool // used for outbound connections only
	}{
		{"trustedCAsConfigMapName", tls.TrustedCAsConfigMapName, true},
		{"clientCertificateSecretName", tls.ClientCertificateSecretName, true},
		{"inboundSecretName", tls.InboundSecretName, false},
	} {
		if object.name == "" {
			continue
		}
		p := path.Child(object.field)
		for _, problem := range apivalidation.NameIsDNSSubdomain(object.name, false) {
			errs = append(errs, field.Invalid(p, object.name, problem))
		}
		if object.outbound && tls.Outbound != replay.TLSIntercept {
			errs = append(errs, field.Invalid(p, object.name, "is used only with "+path.Child("outbound").String()+": "+string(replay.TLSIntercept)))
		}
	}
	return errs
}
