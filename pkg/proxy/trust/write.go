// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Write writes into a directory whom a workload is to trust: wiring.TrustCA has our CAs alone, wiring.TrustBundle and
// wiring.TrustStore have all. There may be no CA of ours: then the workload trusts as without us.
//
// What was written for the same CAs before is left as it is, so that a proxy that starts anew changes nothing under a running workload.
func Write(dir string, ours, added []*x509.Certificate) error {
	known, err := public()
	if err != nil {
		return err
	}
	all := slices.Concat(known, added, ours)
	if before, err := ReadFile(filepath.Join(dir, wiring.TrustBundle)); err == nil && bytes.Equal(before, encode(all)) {
		return nil
	}
	store, err := javaStore(all)
	if err != nil {
		return err
	}
	for _, file := range []struct {
		name string
		data []byte
	}{{wiring.TrustCA, encode(ours)}, {wiring.TrustStore, store}, {wiring.TrustBundle, encode(all)}} {
		if err := replace(filepath.Join(dir, file.name), file.data); err != nil {
			return fmt.Errorf("writing whom the workload is to trust: %w", err)
		}
	}
	return nil
}

// javaStore is a PKCS #12 file that every Java from 8 on reads. It holds nothing secret, so that its old ciphers do no harm.
func javaStore(certificates []*x509.Certificate) ([]byte, error) {
	entries := make([]pkcs12.TrustStoreEntry, len(certificates))
	for i, certificate := range certificates {
		// Java knows entries by their names, and keeps one of each.
		entries[i] = pkcs12.TrustStoreEntry{Cert: certificate, FriendlyName: "restage-" + strconv.Itoa(i)}
	}
	store, err := pkcs12.LegacyDES.WithRand(rand.Reader).EncodeTrustStoreEntries(entries, wiring.TrustStorePassword)
	if err != nil {
		return nil, fmt.Errorf("making the trust store for Java: %w", err)
	}
	return store, nil
}

func encode(certificates []*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, certificate := range certificates {
		out.Write(authority.EncodeCertificate(certificate))
	}
	return out.Bytes()
}

// replace writes a file that everybody may read, whole or not at all.
func replace(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // fails once it has its name
	_, err = file.Write(data)
	if err == nil {
		err = file.Chmod(0o644)
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
