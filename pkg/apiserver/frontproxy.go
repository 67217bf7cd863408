// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"crypto/x509"
	"net/http"
	"slices"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/headerrequest"
	"k8s.io/utils/lru"
)

// rememberedProxies is more than a control plane has API servers, with those that were rolled.
const rememberedProxies = 64

// frontProxy takes the word of kube-apiserver for whose a request is. The generic authenticator, which comes next, does that too, but verifies
// the signatures on the same certificate with each request, which is an eighth of what a read costs us. Here a certificate is verified once
// for each CA bundle, and remembered until it or its CA expires. Nothing is refused here: what is not known as good goes on to the generic one.
type frontProxy struct {
	next, headers authenticator.Request
	trust         *authenticatorfactory.RequestHeaderConfig
	verified      *lru.Cache // the time until which a certificate is good, by signed
	now           func() time.Time
}

// signed is a certificate under a CA bundle. Both are made anew when their content changes.
type signed struct {
	certificate *x509.Certificate
	roots       *x509.CertPool
}

func newFrontProxy(trust *authenticatorfactory.RequestHeaderConfig, next authenticator.Request) *frontProxy {
	headers := headerrequest.NewDynamic(trust.UsernameHeaders, trust.UIDHeaders, trust.GroupHeaders, trust.ExtraHeaderPrefixes)
	return &frontProxy{
		next: next, headers: group.NewAuthenticatedGroupAdder(headers), trust: trust, verified: lru.New(rememberedProxies), now: time.Now,
	}
}

// AuthenticateRequest returns whose the request is.
func (f *frontProxy) AuthenticateRequest(request *http.Request) (*authenticator.Response, bool, error) {
	names := func(header string) bool { return request.Header.Get(header) != "" }
	if slices.ContainsFunc(f.trust.UsernameHeaders.Value(), names) && f.trusts(request) {
		return f.headers.AuthenticateRequest(request)
	}
	return f.next.AuthenticateRequest(request)
}

// trusts tells whether the client is one that may speak for others.
func (f *frontProxy) trusts(request *http.Request) bool {
	if request.TLS == nil || len(request.TLS.PeerCertificates) == 0 {
		return false
	}
	certificate := request.TLS.PeerCertificates[0]
	if allowed := f.trust.AllowedClientNames.Value(); len(allowed) > 0 && !slices.Contains(allowed, certificate.Subject.CommonName) {
		return false
	}
	options, ok := f.trust.CAContentProvider.VerifyOptions()
	if !ok {
		return false
	}
	options.CurrentTime = f.now()
	key := signed{certificate, options.Roots}
	if until, ok := f.verified.Get(key); ok && options.CurrentTime.Before(until.(time.Time)) {
		return true
	}
	until, ok := verify(options, request.TLS.PeerCertificates)
	if ok {
		f.verified.Add(key, until)
	}
	return ok
}

// verify returns until when the first certificate is good, with the help of those that came with it.
func verify(options x509.VerifyOptions, presented []*x509.Certificate) (until time.Time, ok bool) {
	if options.Intermediates == nil {
		options.Intermediates = x509.NewCertPool()
		for _, intermediate := range presented[1:] {
			options.Intermediates.AddCert(intermediate)
		}
	}
	chains, err := presented[0].Verify(options)
	if err != nil {
		return until, false
	}
	first := slices.MinFunc(chains[0], func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return first.NotAfter, true
}
