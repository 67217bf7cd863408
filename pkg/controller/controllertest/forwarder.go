// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controllertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/forwarder"
	"github.com/restage-dev/restage/pkg/forwarder/auth"
	"github.com/restage-dev/restage/pkg/traffic/dial"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Forwarder runs a real forwarder on loopback until the test ends, for which every caller is the pod front-1 of the
// namespace and may do everything.
func Forwarder(t *testing.T, namespace string) *grpc.ClientConn {
	t.Helper()
	certificate, ca := newCertificate(t)
	listener, health := listen(t), listen(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	server, err := forwarder.New(ctx, forwarder.Options{
		Listener:       listener,
		HealthListener: health,
		Certificate:    func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate, nil },
		Reviewer:       auth.Kubernetes{Client: permissive(namespace)},
		DataDir:        t.TempDir(),
		Retention:      24 * time.Hour,
		SealInterval:   time.Minute,
		LogLimit:       64 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	waitReady(t, "http://"+health.Addr().String()+"/readyz")
	conn, err := dial.New(ctx, dial.Options{
		Address: listener.Addr().String(),
		CA:      func() ([]byte, error) { return ca, nil },
		Token:   func() (string, error) { return "token", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the forwarder: %v", err)
		}
	})
	return conn
}

// Push hands records over as a proxy does, and returns when they are safe.
func Push(t *testing.T, conn *grpc.ClientConn, records ...*trafficpb.Record) {
	t.Helper()
	stream, err := trafficpb.NewIngestClient(conn).Push(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&trafficpb.PushRequest{Batch: 1, ProxyInstance: records[0].GetProxyInstance(), Records: records}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
}

// permissive is an API server that takes every token for that of a pod and allows everything.
func permissive(namespace string) *kubefake.Clientset {
	client := kubefake.NewClientset()
	identity := auth.PodIdentity(auth.Pod{Namespace: namespace, Name: "front-1", UID: "front-1-uid"}, "default")
	client.PrependReactor("create", "tokenreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		extra := map[string]authenticationv1.ExtraValue{}
		for key, values := range identity.Extra {
			extra[key] = values
		}
		return true, &authenticationv1.TokenReview{Status: authenticationv1.TokenReviewStatus{
			Authenticated: true,
			Audiences:     []string{wiring.ForwarderAudience},
			User:          authenticationv1.UserInfo{Username: identity.User, Groups: identity.Groups, Extra: extra},
		}}, nil
	})
	client.PrependReactor("create", "subjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	return client
}

func waitReady(t *testing.T, url string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		response, err := http.Get(url)
		if err != nil {
			return false, nil
		}
		return response.StatusCode == http.StatusOK, response.Body.Close()
	})
	if err != nil {
		t.Fatalf("the forwarder is not ready: %v", err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// newCertificate returns a certificate for loopback and the PEM of its CA, which is itself.
func newCertificate(t *testing.T) (*tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
