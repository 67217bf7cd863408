// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// floor is the cheapest server that can be behind the aggregator: it asks for kube-apiserver's certificate in the handshake and for nothing
// more, stores nothing, and answers what our server once answered. What it costs no aggregated server avoids.
var floor = side{name: "floor", group: "floor.restage.dev"}

// fixed serves the same answers whatever is asked.
type fixed struct {
	object, list, event []byte

	mu      sync.Mutex
	watches map[chan struct{}]bool
}

// serveFloor serves the answers in the files object and list until the context ends.
func serveFloor(ctx context.Context, address, certFile, keyFile, caFile, dir string) error {
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return fmt.Errorf("%s holds no certificate", caFile)
	}
	f := &fixed{watches: map[chan struct{}]bool{}}
	for name, content := range map[string]*[]byte{"object": &f.object, "list": &f.list} {
		if *content, err = os.ReadFile(path.Join(dir, name)); err != nil {
			return err
		}
	}
	f.event = fmt.Appendf(nil, `{"type":"MODIFIED","object":%s}`+"\n", strings.TrimSpace(string(f.object)))
	server := &http.Server{
		Addr: address, Handler: f, ReadHeaderTimeout: 10 * time.Second,
		TLSConfig: &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: tls.VersionTLS12},
	}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	return server.ListenAndServeTLS(certFile, keyFile)
}

func (f *fixed) ServeHTTP(response http.ResponseWriter, request *http.Request) {
	_, _ = io.Copy(io.Discard, request.Body)
	response.Header().Set("Content-Type", "application/json")
	switch base := path.Base(request.URL.Path); {
	case !strings.HasPrefix(request.URL.Path, "/apis/"+floor.group): // documents of the API
		http.NotFound(response, request)
	case base == version: // discovery
		_, _ = fmt.Fprintf(response, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":%q,"resources":[]}`, floor.groupVersion())
	case request.URL.Query().Has("watch"):
		f.watch(response, request)
	case request.Method == http.MethodPost:
		response.WriteHeader(http.StatusCreated)
		_, _ = response.Write(f.object)
	case request.Method == http.MethodGet && base == "trafficreplays":
		_, _ = response.Write(f.list)
	case request.Method == http.MethodPatch && base == "one":
		f.tell()
		_, _ = response.Write(f.object)
	default:
		_, _ = response.Write(f.object)
	}
}

// watch sends the object, and again after each change of it.
func (f *fixed) watch(response http.ResponseWriter, request *http.Request) {
	changed := make(chan struct{}, 16)
	f.mu.Lock()
	f.watches[changed] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watches, changed)
		f.mu.Unlock()
	}()
	out := http.NewResponseController(response)
	for {
		if _, err := response.Write(f.event); err != nil || out.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-request.Context().Done():
			return
		}
	}
}

func (f *fixed) tell() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for changed := range f.watches {
		changed <- struct{}{}
	}
}

// startFloor runs the floor as a process of its own, with what our server answers now, and has kube-apiserver hand its group on.
func (b *bench) startFloor(ctx context.Context) error {
	object, err := b.raw.Get().AbsPath(ours.path("trafficreplays", "one")).Do(ctx).Raw()
	if err != nil {
		return err
	}
	list, err := b.listing(ours).Do(ctx).Raw()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"object": object, "list": list} {
		if err := os.WriteFile(path.Join(b.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	certFile, keyFile, err := b.plane.CA.Issue("floor", pkix.Name{CommonName: "floor"}, controlplane.ServerName)
	if err != nil {
		return err
	}
	port, err := controlplane.FreePort()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	process, err := controlplane.Run(ctx, b.log("floor"), "floor", self, "floor", fmt.Sprintf("127.0.0.1:%d", port),
		certFile, keyFile, b.plane.FrontProxyCA(), b.dir)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, process)
	return b.plane.Register(ctx, floor.groupVersion(), port, b.plane.CA.PEM())
}
