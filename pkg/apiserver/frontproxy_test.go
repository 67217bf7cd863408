// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"slices"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/util/cert"
)

// changingCA is a CA bundle that is replaced, as a ConfigMap is.
type changingCA struct {
	dynamiccertificates.CAContentProvider
}

type proxyTest struct {
	*frontProxy
	ca      *changingCA
	allowed []string
	now     time.Time

	caCertificate *x509.Certificate
	caKey         crypto.Signer
}

func newProxyTest(t *testing.T) *proxyTest {
	t.Helper()
	test := &proxyTest{now: time.Now(), ca: &changingCA{}, allowed: []string{"front-proxy-client"}}
	test.changeCA(t)
	trust := &authenticatorfactory.RequestHeaderConfig{
		UsernameHeaders: headerrequest.StaticStringSlice{"X-Remote-User"}, UIDHeaders: headerrequest.StaticStringSlice{},
		GroupHeaders: headerrequest.StaticStringSlice{"X-Remote-Group"}, ExtraHeaderPrefixes: headerrequest.StaticStringSlice{},
		CAContentProvider:  test.ca,
		AllowedClientNames: headerrequest.StringSliceProviderFunc(func() []string { return test.allowed }),
	}
	generic, _, err := authenticatorfactory.DelegatingAuthenticatorConfig{RequestHeaderConfig: trust}.New()
	if err != nil {
		t.Fatal(err)
	}
	test.frontProxy = newFrontProxy(trust, generic)
	test.frontProxy.now = func() time.Time { return test.now }
	return test
}

func newKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// changeCA replaces the CA.
func (p *proxyTest) changeCA(t *testing.T) {
	t.Helper()
	p.caKey = newKey(t)
	var err error
	if p.caCertificate, err = cert.NewSelfSignedCACert(cert.Config{CommonName: "front-proxy-ca"}, p.caKey); err != nil {
		t.Fatal(err)
	}
	pem, err := cert.EncodeCertificates(p.caCertificate)
	if err != nil {
		t.Fatal(err)
	}
	if p.ca.CAContentProvider, err = dynamiccertificates.NewStaticCAContent("ca", pem); err != nil {
		t.Fatal(err)
	}
}

// request comes from a client with a certificate of the CA for an hour, and says that it is for a user.
func (p *proxyTest) request(t *testing.T, commonName string, usage x509.ExtKeyUsage) *http.Request {
	t.Helper()
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: commonName}, NotBefore: p.now.Add(-time.Minute), NotAfter: p.now.Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}, p.caCertificate, key.Public(), p.caKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}}
}

// user is whose the request is taken for, "" when it is refused.
func (p *proxyTest) user(t *testing.T, request *http.Request) string {
	t.Helper()
	request.Header = http.Header{"X-Remote-User": {"jane"}, "X-Remote-Group": {"developers"}}
	response, ok, err := p.AuthenticateRequest(request)
	if !ok || err != nil {
		return ""
	}
	if len(request.Header) != 0 {
		t.Errorf("headers %v are left to what comes next", request.Header)
	}
	if groups := response.User.GetGroups(); !slices.Equal(groups, []string{"developers", "system:authenticated"}) {
		t.Errorf("groups %v", groups)
	}
	return response.User.GetName()
}

func TestFrontProxyIsVerifiedOnce(t *testing.T) {
	p := newProxyTest(t)
	request := p.request(t, "front-proxy-client", x509.ExtKeyUsageClientAuth)
	if user := p.user(t, request); user != "jane" {
		t.Fatalf("user %q", user)
	}
	// Verifying it again would fail: at this time it was not valid yet.
	p.now = p.now.Add(-2 * time.Minute)
	if !p.trusts(request) {
		t.Error("the certificate was verified again")
	}
}

func TestFrontProxyIsRefused(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*proxyTest)
	}{
		{"when the CA has changed", func(p *proxyTest) { p.changeCA(t) }},
		{"when its name is not allowed any more", func(p *proxyTest) { p.allowed = []string{"another"} }},
		{"when its certificate has expired", func(p *proxyTest) { p.now = p.now.Add(time.Hour + time.Second) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newProxyTest(t)
			request := p.request(t, "front-proxy-client", x509.ExtKeyUsageClientAuth)
			if !p.trusts(request) || p.user(t, request) != "jane" {
				t.Fatal("it was refused before")
			}
			tc.change(p)
			if p.trusts(request) {
				t.Error("it is trusted")
			}
		})
	}
	for name, request := range map[string]func(*proxyTest) *http.Request{
		"with another name": func(p *proxyTest) *http.Request { return p.request(t, "somebody", x509.ExtKeyUsageClientAuth) },
		"with the certificate of server": func(p *proxyTest) *http.Request {
			return p.request(t, "front-proxy-client", x509.ExtKeyUsageServerAuth)
		},
		"without a certificate": func(*proxyTest) *http.Request { return &http.Request{TLS: &tls.ConnectionState{}} },
		"without TLS":           func(*proxyTest) *http.Request { return &http.Request{} },
		"of another CA": func(p *proxyTest) *http.Request {
			request := p.request(t, "front-proxy-client", x509.ExtKeyUsageClientAuth)
			p.changeCA(t)
			return request
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxyTest(t)
			r := request(p)
			if user := p.user(t, r); user != "" {
				t.Errorf("user %q", user)
			}
		})
	}
}
