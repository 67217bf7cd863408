// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package trust hands to a workload whom it is to trust while its TLS is read: the public roots, those that its owner adds and our
// CA, in the forms that the usual TLS libraries read.
package trust

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// longestFile bounds what is read of a file with certificates, in bytes.
const longestFile = 1 << 20

// Roots are those that certify servers: the public ones as Mozilla's NSS has them, since the image of the proxy has no others, and
// those that are added. Roots that may not certify what is newer than a day are kept to that.
func Roots(added []*x509.Certificate) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading the public roots: %w", err)
		}
		if root.Constraint != nil {
			pool.AddCertWithConstraint(certificate, root.Constraint)
			continue
		}
		pool.AddCert(certificate)
	}
	for _, certificate := range added {
		pool.AddCert(certificate)
	}
	return pool, nil
}

// public returns the public roots without what restricts some: files of certificates cannot say it.
func public() ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for root := range bundle.Roots() {
		certificate, err := x509.ParseCertificate(root.Certificate)
		if err != nil {
			return nil, fmt.Errorf("reading the public roots: %w", err)
		}
		certificates = append(certificates, certificate)
	}
	return certificates, nil
}

// ReadCertificates reads a file of PEM certificates, and of nothing else. A file that is not there holds none.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	data, err := ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	certificates, err := ParseCertificates(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return certificates, nil
}

// ParseCertificates reads PEM certificates, at least one and nothing else.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("a block %q, allowed is CERTIFICATE", block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(certificates)+1, err)
		}
		certificates = append(certificates, certificate)
	}
	if len(certificates) == 0 {
		return nil, errors.New("there is no certificate")
	}
	return certificates, nil
}

// ReadFile reads a file of at most 1 MiB.
func ReadFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, longestFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > longestFile {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, longestFile)
	}
	return data, nil
}
