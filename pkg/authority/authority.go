// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package authority makes CAs, keeps them as PEM and signs certificates with them. It imports nothing of Kubernetes, so that the
// data plane can use it.
package authority

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	// clockSkew is how far back certificates are dated, for clients whose clocks are behind.
	clockSkew = time.Hour
	// Most bounds what is read from the Secret: the CA in use, its successor and one that retires.
	Most = 8
)

const (
	blockCertificate = "CERTIFICATE"
	blockKey         = "PRIVATE KEY"
)

// Authority is one CA: its certificate and the key that signs.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// List is all CAs in use, newest first.
type List []Authority

// New makes a CA with a key of its own. The time stands in its name, so that successors can be told apart.
func New(name string, lifetime time.Duration, now time.Time) (Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Authority{}, fmt.Errorf("making the key of a CA: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: fmt.Sprintf("%s@%d", name, now.Unix())},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
	}
	certificate, err := sign(template, template, key.Public(), key)
	if err != nil {
		return Authority{}, fmt.Errorf("signing a CA: %w", err)
	}
	return Authority{Certificate: certificate, Key: key}, nil
}

// Issue makes a serving certificate with a new key. It does not outlive the CA.
func (a Authority) Issue(dnsNames []string, addresses []net.IP, lifetime time.Duration, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	key, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	certificate, err := a.Certify(key.Public(), dnsNames, addresses, lifetime, now)
	return certificate, key, err
}

// NewKey makes a key for certificates: ECDSA on P-256.
func NewKey() (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of a serving certificate: %w", err)
	}
	return key, nil
}

// Certify makes a serving certificate of a key that is there already. It does not outlive the CA.
func (a Authority) Certify(key crypto.PublicKey, dnsNames []string, addresses []net.IP, lifetime time.Duration, now time.Time) (*x509.Certificate, error) {
	notAfter := now.Add(lifetime)
	if a.Certificate.NotAfter.Before(notAfter) {
		notAfter = a.Certificate.NotAfter
	}
	certificate, err := sign(&x509.Certificate{
		DNSNames:              dnsNames,
		IPAddresses:           addresses,
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, a.Certificate, key, a.Key)
	if err != nil {
		return nil, fmt.Errorf("signing a serving certificate: %w", err)
	}
	return certificate, nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// Issued is when a certificate was made.
func Issued(certificate *x509.Certificate) time.Time { return certificate.NotBefore.Add(clockSkew) }

// Due tells whether two thirds of the certificate's life are over.
func Due(certificate *x509.Certificate, now time.Time) bool {
	life := certificate.NotAfter.Sub(Issued(certificate))
	return !now.Before(Issued(certificate).Add(life * 2 / 3))
}

// Bundle is the PEM form of all CA certificates.
func (as List) Bundle() []byte {
	var out bytes.Buffer
	for _, a := range as {
		out.Write(EncodeCertificate(a.Certificate))
	}
	return out.Bytes()
}

// Keys is the PEM form of all private keys, in the order of Bundle.
func (as List) Keys() ([]byte, error) {
	var out bytes.Buffer
	for _, a := range as {
		key, err := EncodeKey(a.Key)
		if err != nil {
			return nil, err
		}
		out.Write(key)
	}
	return out.Bytes(), nil
}

// Parse reads what Bundle and Keys wrote.
func Parse(bundle, keys []byte) (List, error) {
	var result List
	for len(result) < Most {
		var certificateBlock, keyBlock *pem.Block
		certificateBlock, bundle = pem.Decode(bundle)
		keyBlock, keys = pem.Decode(keys)
		if certificateBlock == nil && keyBlock == nil {
			break
		}
		if certificateBlock == nil || keyBlock == nil {
			return nil, errors.New("the numbers of certificates and keys differ")
		}
		a, err := parse(certificateBlock.Bytes, keyBlock.Bytes)
		if err != nil {
			return nil, err
		}
		result = append(result, a)
	}
	if len(result) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return result, nil
}

func parse(certificateDER, keyDER []byte) (Authority, error) {
	certificate, err := x509.ParseCertificate(certificateDER)
	if err != nil {
		return Authority{}, fmt.Errorf("parsing the certificate: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return Authority{}, errors.New("the key is not a PKCS #8 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return Authority{}, fmt.Errorf("the key is a %T, not an ECDSA key", parsed)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return Authority{}, errors.New("the key is not that of the certificate")
	}
	return Authority{Certificate: certificate, Key: key}, nil
}

// EncodeCertificate writes a certificate as PEM.
func EncodeCertificate(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: certificate.Raw})
}

// EncodeKey writes a private key as PEM, in PKCS #8.
func EncodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: der}), nil
}
