// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package certs

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
	// maxAuthorities bounds what is read from the Secret: the CA in use, its successor and one that retires.
	maxAuthorities = 8
)

const (
	blockCertificate = "CERTIFICATE"
	blockKey         = "PRIVATE KEY"
)

// authority is one CA: its certificate and the key that signs.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// authorities are all CAs in use, newest first.
type authorities []authority

func newAuthority(name string, lifetime time.Duration, now time.Time) (authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, fmt.Errorf("making the key of a CA: %w", err)
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
		return authority{}, fmt.Errorf("signing a CA: %w", err)
	}
	return authority{certificate: certificate, key: key}, nil
}

// issue makes a serving certificate with a new key. It does not outlive the CA.
func (a authority) issue(dnsNames []string, addresses []net.IP, lifetime time.Duration, now time.Time) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making the key of a serving certificate: %w", err)
	}
	notAfter := now.Add(lifetime)
	if a.certificate.NotAfter.Before(notAfter) {
		notAfter = a.certificate.NotAfter
	}
	certificate, err := sign(&x509.Certificate{
		DNSNames:              dnsNames,
		IPAddresses:           addresses,
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              notAfter,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing a serving certificate: %w", err)
	}
	return certificate, key, nil
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

// age is how long ago the CA was made.
func (a authority) age(now time.Time) time.Duration { return now.Sub(issued(a.certificate)) }

// signer is the newest CA that clients have had time to learn of; the oldest when there is none.
func (as authorities) signer(settle time.Duration, now time.Time) authority {
	for _, a := range as {
		if a.age(now) >= settle {
			return a
		}
	}
	return as[len(as)-1]
}

// needed leaves out CAs that have expired, and those whose successor has signed for so long that no server shows a certificate of
// theirs any more.
func (as authorities) needed(settle time.Duration, now time.Time) authorities {
	var result authorities
	for _, a := range as {
		if now.Before(a.certificate.NotAfter) {
			result = append(result, a)
		}
		if a.age(now) >= 2*settle {
			break // what follows is older
		}
	}
	return result
}

// succeeded has a new CA in front, unless the newest is a successor that does not sign yet.
func (as authorities) succeeded(name string, l Lifetimes, now time.Time) (authorities, error) {
	if len(as) > 1 && as.signer(l.Settle, now).key != as[0].key {
		return as, nil
	}
	fresh, err := newAuthority(name, l.CA, now)
	if err != nil {
		return nil, err
	}
	return append(authorities{fresh}, as...), nil
}

// issued is when a certificate was made.
func issued(certificate *x509.Certificate) time.Time { return certificate.NotBefore.Add(clockSkew) }

// due tells whether two thirds of the certificate's life are over.
func due(certificate *x509.Certificate, now time.Time) bool {
	life := certificate.NotAfter.Sub(issued(certificate))
	return !now.Before(issued(certificate).Add(life * 2 / 3))
}

// bundle is the PEM form of all CA certificates.
func (as authorities) bundle() []byte {
	var out bytes.Buffer
	for _, a := range as {
		out.Write(encodeCertificate(a.certificate))
	}
	return out.Bytes()
}

func (as authorities) keys() ([]byte, error) {
	var out bytes.Buffer
	for _, a := range as {
		key, err := encodeKey(a.key)
		if err != nil {
			return nil, err
		}
		out.Write(key)
	}
	return out.Bytes(), nil
}

// parseAuthorities reads what bundle and keys wrote.
func parseAuthorities(bundle, keys []byte) (authorities, error) {
	var result authorities
	for len(result) < maxAuthorities {
		var certificateBlock, keyBlock *pem.Block
		certificateBlock, bundle = pem.Decode(bundle)
		keyBlock, keys = pem.Decode(keys)
		if certificateBlock == nil && keyBlock == nil {
			break
		}
		if certificateBlock == nil || keyBlock == nil {
			return nil, errors.New("the numbers of certificates and keys differ")
		}
		a, err := parseAuthority(certificateBlock.Bytes, keyBlock.Bytes)
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

func parseAuthority(certificateDER, keyDER []byte) (authority, error) {
	certificate, err := x509.ParseCertificate(certificateDER)
	if err != nil {
		return authority{}, fmt.Errorf("parsing the certificate: %w", err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(keyDER)
	if err != nil {
		return authority{}, errors.New("the key is not a PKCS #8 private key")
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return authority{}, fmt.Errorf("the key is a %T, not an ECDSA key", parsed)
	}
	if !key.PublicKey.Equal(certificate.PublicKey) {
		return authority{}, errors.New("the key is not that of the certificate")
	}
	return authority{certificate: certificate, key: key}, nil
}

func encodeCertificate(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: certificate.Raw})
}

func encodeKey(key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding a private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: der}), nil
}
