// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package rotation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apiserver"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
)

// Requests of the API go on, each by a handshake of its own with the CAs that were known two seconds ago, while the CA changes
// three times, the last time because its Secret was deleted.
func TestAPIRequestsGoOn(t *testing.T) {
	t.Parallel()
	o := apiserver.NewOptions()
	o.Certificates = lifetimes
	var unused grpc.ClientConnInterface
	server, err := testserver.StartWith(context.Background(), o, unused,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	var group sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer group.Wait()
	defer stop()

	caFile := trustFile(ctx, t, &group, server.Host, apiserver.CAName)
	var seen issuers
	var requests atomic.Int64
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				issuer, err := get(ctx, server.Config.Host, server.Config.ServerName, caFile)
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("after %d requests: %v", requests.Load(), err)
					}
					return
				}
				requests.Add(1)
				seen.add(issuer)
			}
		})
	}
	seen.waitFor(t, rotations)
	deleteSecret(t, server.Host, apiserver.CAName)
	seen.waitFor(t, rotations+1)
	t.Logf("%d requests, certificates of %d CAs", requests.Load(), seen.count())
}

// get lists replays by a new connection and returns the issuer of the server's certificate.
func get(ctx context.Context, url, serverName, caFile string) (issuer string, err error) {
	bundle, err := os.ReadFile(caFile)
	if err != nil {
		return "", err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: serverName, MinVersion: tls.VersionTLS13},
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/apis/replay.restage.dev/v1alpha1/namespaces/shop/trafficreplays", nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %s", response.Status)
	}
	return response.TLS.PeerCertificates[0].Issuer.CommonName, nil
}
