// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
)

// lifetime of all certificates; a run takes minutes.
const lifetime = 24 * time.Hour

// CA signs certificates and writes them into a directory.
type CA struct {
	dir         string
	certificate *x509.Certificate
	key         crypto.Signer
}

// newCA makes a CA and writes NAME.crt.
func newCA(dir, name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of %s: %w", name, err)
	}
	certificate, err := cert.NewSelfSignedCACert(cert.Config{CommonName: name}, key)
	if err != nil {
		return nil, fmt.Errorf("making the certificate of %s: %w", name, err)
	}
	ca := &CA{dir: dir, certificate: certificate, key: key}
	return ca, cert.WriteCert(ca.path(name+".crt"), ca.PEM())
}

// PEM returns the certificate of the CA.
func (ca *CA) PEM() []byte {
	return encode(ca.certificate)
}

func (ca *CA) path(name string) string { return filepath.Join(ca.dir, name) }

// Issue makes a certificate for the subject, for clients and for servers on loopback, and writes NAME.crt and NAME.key.
func (ca *CA) Issue(name string, subject pkix.Name, dnsNames ...string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("making the key %s: %w", name, err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return "", "", fmt.Errorf("numbering the certificate %s: %w", name, err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: subject, NotBefore: ca.certificate.NotBefore, NotAfter: time.Now().Add(lifetime),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		DNSNames:    append(dnsNames, "localhost"), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, ca.certificate, key.Public(), ca.key)
	if err != nil {
		return "", "", fmt.Errorf("signing the certificate %s: %w", name, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return "", "", fmt.Errorf("reading the certificate %s: %w", name, err)
	}
	data, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return "", "", fmt.Errorf("encoding the key %s: %w", name, err)
	}
	certFile, keyFile = ca.path(name+".crt"), ca.path(name+".key")
	if err := os.WriteFile(certFile, encode(certificate), 0o600); err != nil {
		return "", "", err
	}
	return certFile, keyFile, os.WriteFile(keyFile, data, 0o600)
}

func encode(certificate *x509.Certificate) []byte {
	data, err := cert.EncodeCertificates(certificate)
	if err != nil { // it writes into memory
		panic(err)
	}
	return data
}
