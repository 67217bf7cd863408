// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/authority"
)

var lifetimes = LifetimesOf(DefaultLifetime)

var testOptions = Options{
	Namespace:     "restage-system",
	SecretName:    "restage-ca",
	ConfigMapName: "restage-ca",
	DNSNames:      ServiceNames("restage-apiserver", "restage-system"),
	IPAddresses:   []net.IP{net.IPv4(127, 0, 0, 1)},
}

// clock is a time that tests set.
type clock struct{ offset atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *clock) advance(d time.Duration) { c.offset.Add(int64(d)) }

func newTestManager(t *testing.T, client kubernetes.Interface, c *clock) *Manager {
	t.Helper()
	m := NewManager(client, testOptions)
	m.now = c.now
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	return m
}

func published(t *testing.T, client kubernetes.Interface) []byte {
	t.Helper()
	configMap, err := client.CoreV1().ConfigMaps(testOptions.Namespace).Get(t.Context(), testOptions.ConfigMapName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return []byte(configMap.Data[CAKey])
}

// verify makes a TLS request to a server with the manager's certificate, as a client that knows the bundle.
func verify(t *testing.T, m *Manager, bundle []byte, c *clock) error {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{GetCertificate: m.GetCertificate, MinVersion: tls.VersionTLS13}
	server.StartTLS()
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(bundle)
	connection, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{
		RootCAs: roots, ServerName: "restage-apiserver.restage-system.svc", Time: c.now, MinVersion: tls.VersionTLS13,
	})
	if err != nil {
		return err
	}
	return connection.Close()
}

func TestReplicasShareTheCA(t *testing.T) {
	client, c := fake.NewClientset(), &clock{}
	first, second := newTestManager(t, client, c), newTestManager(t, client, c)
	bundle := published(t, client)
	for name, m := range map[string]*Manager{"first": first, "second": second} {
		if err := verify(t, m, bundle, c); err != nil {
			t.Errorf("%s replica: %v", name, err)
		}
	}
	if strings.Contains(string(bundle), "PRIVATE") {
		t.Error("the published bundle holds a private key")
	}
}

func TestNoCertificateBeforeSync(t *testing.T) {
	m := NewManager(fake.NewClientset(), testOptions)
	if _, err := m.GetCertificate(nil); err == nil {
		t.Error("GetCertificate succeeded before Sync")
	}
	if certificate, key := m.CurrentCertKeyContent(); certificate != nil || key != nil {
		t.Error("there is a certificate before Sync")
	}
}

func TestLeafIsRotatedAtTwoThirdsOfItsLife(t *testing.T) {
	client, c := fake.NewClientset(), &clock{}
	m := newTestManager(t, client, c)
	changes := 0
	m.OnChange(func() { changes++ })
	before, _ := m.CurrentCertKeyContent()

	c.advance(lifetimes.Certificate / 2)
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, _ := m.CurrentCertKeyContent(); string(now) != string(before) || changes != 0 {
		t.Fatal("the certificate changed before it was due")
	}

	c.advance(lifetimes.Certificate / 4)
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, key := m.CurrentCertKeyContent()
	if string(after) == string(before) || changes != 1 {
		t.Fatalf("the certificate was not rotated (%d changes)", changes)
	}
	if _, err := tls.X509KeyPair(after, key); err != nil {
		t.Errorf("PEM form: %v", err)
	}
	if err := verify(t, m, published(t, client), c); err != nil {
		t.Error(err)
	}
}

// A client that learned the CAs at most lifetimes.Settle ago can always verify the server, all through the life of several CAs.
func TestClientsNeverMeetAnUnknownCA(t *testing.T) {
	client, c := fake.NewClientset(), &clock{}
	m := newTestManager(t, client, c)
	first := published(t, client)
	step := lifetimes.Settle / 2
	previous := first
	for passed := time.Duration(0); passed < 2*lifetimes.CA; passed += step {
		c.advance(step)
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := verify(t, m, previous, c); err != nil {
			t.Fatalf("after %v: %v", passed, err)
		}
		previous = published(t, client)
	}
	if string(previous) == string(first) {
		t.Error("the CA was never renewed")
	}
	if n := strings.Count(string(previous), "BEGIN CERTIFICATE"); n > 2 {
		t.Errorf("%d CAs are published; old ones should be gone", n)
	}
}

func TestRestoresWhatIsDeleted(t *testing.T) {
	client, c := fake.NewClientset(), &clock{}
	m := newTestManager(t, client, c)
	core := client.CoreV1()
	if err := core.ConfigMaps(testOptions.Namespace).Delete(t.Context(), testOptions.ConfigMapName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := core.Secrets(testOptions.Namespace).Delete(t.Context(), testOptions.SecretName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := verify(t, m, published(t, client), c); err != nil {
		t.Error(err)
	}
}

func TestBadSecretIsNotOverwritten(t *testing.T) {
	good, c := fake.NewClientset(), &clock{}
	newTestManager(t, good, c)
	secret, err := good.CoreV1().Secrets(testOptions.Namespace).Get(t.Context(), testOptions.SecretName, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	other, err := authority.New("other", time.Hour, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := authority.EncodeKey(other.Key)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]map[string][]byte{
		"empty":          {},
		"key missing":    {CAKey: secret.Data[CAKey]},
		"not PEM":        {CAKey: []byte("x"), keyOfCA: []byte("y")},
		"not that key":   {CAKey: secret.Data[CAKey], keyOfCA: otherKey},
		"key is no key":  {CAKey: secret.Data[CAKey], keyOfCA: secret.Data[CAKey]},
		"cert is no crt": {CAKey: secret.Data[keyOfCA], keyOfCA: secret.Data[keyOfCA]},
	} {
		t.Run(name, func(t *testing.T) {
			client := fake.NewClientset(&corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: testOptions.Namespace, Name: testOptions.SecretName}, Data: data,
			})
			err := NewManager(client, testOptions).Sync(t.Context())
			if err == nil || !strings.Contains(err.Error(), "restage-system/restage-ca") || !strings.Contains(err.Error(), "delete the Secret") {
				t.Errorf("error %v does not say what to do", err)
			}
		})
	}
}

// commonNames are those of the published CAs, newest first.
func commonNames(t *testing.T, bundle []byte) (names []string) {
	t.Helper()
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, certificate.Subject.CommonName)
	}
	return names
}

func deleteSecret(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	if err := client.CoreV1().Secrets(testOptions.Namespace).Delete(t.Context(), testOptions.SecretName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

// Whoever deletes the Secret gets a new CA, which clients know before it signs, also when the server starts anew in between. Once no
// server shows a certificate of the old CA it is gone.
func TestDeletingTheSecretRotatesTheCA(t *testing.T) {
	client, c := fake.NewClientset(), &clock{}
	m := newTestManager(t, client, c)
	first := published(t, client)
	sync := func(m *Manager) {
		t.Helper()
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	for range authority.Most + 1 { // more often than there is room for CAs
		deleteSecret(t, client)
		sync(m)
	}
	both := published(t, client)
	if names := commonNames(t, both); len(names) != 2 || names[1] != commonNames(t, first)[0] {
		t.Fatalf("published are %v, want a new CA and the old one", names)
	}
	restarted := newTestManager(t, client, c)
	for name, m := range map[string]*Manager{"the running server": m, "one that was started anew": restarted} {
		if err := verify(t, m, first, c); err != nil {
			t.Errorf("%s: a client that does not know the new CA yet: %v", name, err)
		}
	}

	c.advance(lifetimes.Settle)
	sync(m)
	if err := verify(t, m, first, c); err == nil {
		t.Error("the old CA still signs")
	}
	if err := verify(t, m, both, c); err != nil {
		t.Error(err)
	}
	if got := published(t, client); string(got) != string(both) {
		t.Error("the old CA is gone while other servers may still show its certificates")
	}

	c.advance(lifetimes.Settle)
	sync(m)
	if names := commonNames(t, published(t, client)); len(names) != 1 || names[0] != commonNames(t, both)[0] {
		t.Errorf("published are %v, want the new CA alone", names)
	}
	if err := verify(t, m, both, c); err != nil {
		t.Error(err)
	}
}

func TestLifetimesFlag(t *testing.T) {
	var l Lifetimes
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	l.AddFlag(flags)
	if l != LifetimesOf(DefaultLifetime) {
		t.Errorf("default is %+v", l)
	}
	for _, value := range []string{"5m", "9000h", "-1h", "soon", ""} {
		if err := flags.Parse([]string{"--certificate-lifetime=" + value}); err == nil || !strings.Contains(err.Error(), "--certificate-lifetime") || !strings.Contains(err.Error(), "1h0m0s") {
			t.Errorf("%q: error is %v", value, err)
		}
	}
	want := Lifetimes{CA: 24 * time.Hour, Certificate: 2 * time.Hour, Settle: 4 * time.Minute}
	if err := flags.Parse([]string{want.Argument()}); err != nil || l != want {
		t.Errorf("lifetimes are %+v, want %+v, error %v", l, want, err)
	}
}
