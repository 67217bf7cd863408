// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	serverPort = 8443
	// soon is how long before its end a certificate should have been renewed: servers renew theirs when a third of its time is left.
	soon = 7 * 24 * time.Hour
)

// serverCertificate makes a TLS handshake with the server and judges what it shows.
func serverCertificate(ctx context.Context, c *Cluster) ([]Finding, error) {
	return c.certificateOf(ctx, installation.Server, serverPort, apiregistration.CAConfigMap)
}

func forwarderCertificate(ctx context.Context, c *Cluster) ([]Finding, error) {
	findings, err := c.certificateOf(ctx, installation.Forwarder, wiring.ForwarderPort, wiring.ForwarderCAConfigMap)
	if err != nil {
		return nil, err
	}
	stale, err := c.staleBundles(ctx)
	return append(findings, stale...), err
}

func (c *Cluster) certificateOf(ctx context.Context, component string, port int, published string) ([]Finding, error) {
	bundle, err := c.Kube.CoreV1().ConfigMaps(c.home()).Get(ctx, published, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return []Finding{failure(restart(c, component), "ConfigMap %s/%s with the CA of %s is not there", c.home(), published, component)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", c.home(), published, err)
	}
	authorities, err := cert.ParseCertsPEM([]byte(bundle.Data["ca.crt"]))
	if err != nil {
		return []Finding{failure(restart(c, component), "ConfigMap %s/%s holds no CA certificate: %v", c.home(), published, err)}, nil
	}
	pods, err := c.podsOf(ctx, component)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for i := range pods {
		if !running(&pods[i]) {
			continue
		}
		shown, err := c.handshake(ctx, &pods[i], port)
		if err != nil {
			return nil, err
		}
		findings = append(findings, judgeCertificate(shown, authorities, component+"."+c.home()+".svc", time.Now(), restart(c, component))...)
	}
	if len(findings) == 0 {
		return skipped("no pod of %s runs", component), nil
	}
	return findings, nil
}

// handshake returns the certificates that a pod shows. They are judged afterwards, so nothing is verified here.
func (c *Cluster) handshake(ctx context.Context, pod *corev1.Pod, port int) ([]*x509.Certificate, error) {
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	address, stop, err := c.forward(ctx, pod.Namespace, pod.Name, port)
	if err != nil {
		return nil, err
	}
	defer stop()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}} //nolint:gosec // nothing is sent
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("TLS with pod %s/%s on port %d: %w", pod.Namespace, pod.Name, port, err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates, nil
}

// judgeCertificate verifies a chain as clients of the name do.
func judgeCertificate(shown, authorities []*x509.Certificate, name string, now time.Time, fix string) []Finding {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, a := range authorities {
		roots.AddCert(a)
	}
	leaf := shown[0]
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	if now.After(leaf.NotAfter) {
		return []Finding{failure(fix, "the certificate of %s expired on %s", name, leaf.NotAfter.UTC().Format(time.RFC3339))}
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, Intermediates: between, CurrentTime: now})
	if err != nil {
		return []Finding{failure(fix, "the certificate of %s does not fit its published CA: %v", name, err)}
	}
	if left := leaf.NotAfter.Sub(now); left < soon {
		return []Finding{warning(fix, "the certificate of %s expires on %s and was not renewed", name, leaf.NotAfter.UTC().Format(time.RFC3339))}
	}
	return ok("valid until %s for %s, its CA until %s", day(leaf.NotAfter), name, day(lastExpiry(authorities)))
}

// staleBundles compares the copies of the forwarder's CA in the target namespaces with the original. Proxies read the copies.
func (c *Cluster) staleBundles(ctx context.Context) ([]Finding, error) {
	original, err := c.Kube.CoreV1().ConfigMaps(c.home()).Get(ctx, wiring.ForwarderCAConfigMap, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", c.home(), wiring.ForwarderCAConfigMap, err)
	}
	var findings []Finding
	for _, namespace := range c.Targets {
		published, err := c.Kube.CoreV1().ConfigMaps(namespace).Get(ctx, wiring.ForwarderCAConfigMap, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue // nothing is recorded there yet
		}
		if err != nil {
			return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", namespace, wiring.ForwarderCAConfigMap, err)
		}
		if published.Data["ca.crt"] != original.Data["ca.crt"] {
			findings = append(findings, failure(restart(c, installation.Controller),
				"ConfigMap %s/%s is not the CA of the forwarder: proxies there cannot record", namespace, wiring.ForwarderCAConfigMap))
		}
	}
	return findings, nil
}
