// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

const (
	authenticationConfigMap = "extension-apiserver-authentication"
	requestHeaderCA         = "requestheader-client-ca-file"
)

// aggregationLayer tells whether kube-apiserver hands requests on to other servers, and can prove to them whose they are.
func aggregationLayer(ctx context.Context, c *Cluster) ([]Finding, error) {
	groups, err := c.Kube.Discovery().ServerGroups()
	if err != nil {
		return nil, fmt.Errorf("asking kube-apiserver for its API groups: %w", err)
	}
	aggregates := false
	for _, group := range groups.Groups {
		aggregates = aggregates || group.Name == apiregistrationv1.GroupName
	}
	if !aggregates {
		return []Finding{failure("Run kube-apiserver with its aggregation layer: not with --runtime-config=apiregistration.k8s.io/v1=false.",
			"kube-apiserver has no aggregation layer: it does not serve the group %s", apiregistrationv1.GroupName)}, nil
	}
	configMap, err := c.Kube.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, authenticationConfigMap, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("reading ConfigMap kube-system/%s: %w", authenticationConfigMap, err)
	}
	return judgeFrontProxy(configMap.Data, time.Now()), nil
}

// judgeFrontProxy reads what kube-apiserver publishes of its --requestheader flags.
func judgeFrontProxy(published map[string]string, now time.Time) []Finding {
	if published[requestHeaderCA] == "" {
		return []Finding{failure("Start kube-apiserver with --requestheader-client-ca-file, --requestheader-allowed-names, --requestheader-username-headers=X-Remote-User, "+
			"--requestheader-group-headers=X-Remote-Group, --requestheader-extra-headers-prefix=X-Remote-Extra-, --proxy-client-cert-file and --proxy-client-key-file (kubeadm sets them).",
			"kube-apiserver runs without its front-proxy flags: ConfigMap kube-system/%s has no %s, so that an aggregated API cannot know whose a request is",
			authenticationConfigMap, requestHeaderCA)}
	}
	var missing []string
	for _, key := range []string{"requestheader-username-headers", "requestheader-group-headers", "requestheader-extra-headers-prefix"} {
		if value := strings.TrimSpace(published[key]); value == "" || value == "[]" || value == "null" {
			missing = append(missing, "--"+key)
		}
	}
	if len(missing) > 0 {
		return []Finding{failure("Start kube-apiserver with "+strings.Join(missing, ", ")+" (usually X-Remote-User, X-Remote-Group and X-Remote-Extra-).",
			"kube-apiserver runs without %s: an aggregated API does not learn the user", strings.Join(missing, ", "))}
	}
	authorities, err := cert.ParseCertsPEM([]byte(published[requestHeaderCA]))
	if err != nil {
		return []Finding{failure("Give kube-apiserver a PEM file with a CA certificate by --requestheader-client-ca-file.",
			"ConfigMap kube-system/%s has a %s that is no certificate: %v", authenticationConfigMap, requestHeaderCA, err)}
	}
	if lastExpiry(authorities).Before(now) {
		return []Finding{failure("kubeadm init phase certs front-proxy-ca, or what your distribution has for it, and restart kube-apiserver.",
			"the front-proxy CA of kube-apiserver expired on %s: no aggregated API believes it", day(lastExpiry(authorities)))}
	}
	return ok("kube-apiserver aggregates APIs; its front-proxy CA is valid until %s", day(lastExpiry(authorities)))
}

// lastExpiry is when the last of some CAs expires.
func lastExpiry(authorities []*x509.Certificate) time.Time {
	var last time.Time
	for _, a := range authorities {
		if a.NotAfter.After(last) {
			last = a.NotAfter
		}
	}
	return last
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
