// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capturespec

import (
	"errors"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
)

// TLS is what a pod is given so that its proxy reads TLS; nil asks for nothing.
func TLS(spec *v1alpha1.CaptureTLS) injection.TLS {
	if spec == nil {
		return injection.TLS{}
	}
	return injection.TLS{
		Outbound: spec.Outbound == v1alpha1.TLSIntercept, TrustedCAs: spec.TrustedCAsConfigMapName,
		ClientCertificate: spec.ClientCertificateSecretName, Inbound: spec.InboundSecretName,
	}
}

func parseTLSOutbound(value string) (v1alpha1.TLSOutbound, error) {
	outbound := v1alpha1.TLSOutbound(strings.TrimSpace(value))
	if outbound != v1alpha1.TLSIntercept && outbound != v1alpha1.TLSPassThrough {
		return "", errors.New("unknown")
	}
	return outbound, nil
}

func parseObjectName(value string) (string, error) {
	name := strings.TrimSpace(value)
	if problems := apivalidation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
		return "", errors.New(strings.Join(problems, "; "))
	}
	return name, nil
}

// WithoutSecrets is the spec for the pods of a template as far as it can be followed without reading Secrets: which variables a container takes
// from one, or from a ConfigMap, as a whole is not known then, and what is set there must not be set over. So TLS that the container may not
// trust is left alone. It returns the name of that container, "" when the spec stays as it is.
func WithoutSecrets(spec v1alpha1.TrafficCaptureSpec, template corev1.PodSpec) (v1alpha1.TrafficCaptureSpec, string) {
	if !TLS(spec.TLS).Outbound {
		return spec, ""
	}
	for _, c := range slices.Concat(template.InitContainers, template.Containers) {
		if len(c.EnvFrom) > 0 {
			tls := *spec.TLS
			tls.Outbound, spec.TLS = v1alpha1.TLSPassThrough, &tls
			return spec, c.Name
		}
	}
	return spec, ""
}
