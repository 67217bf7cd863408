// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"bytes"
	"maps"
	"slices"
)

const (
	// longestField is the most bytes of a name of a secret field, without what is dropped from it.
	longestField = 40
	// shortestField is the least.
	shortestField = 3
)

// secretNames are names of fields that hold secrets, and secretEnds what such names end with: in lower case, without what is dropped.
var (
	secretNames = func() map[string]bool {
		names := map[string]bool{}
		for _, name := range []string{
			"pwd", "pass", "passphrase", "pin", "cvv", "cvv2", "cvc", "securitycode", "otp",
			"token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "securitytoken", "csrftoken", "xsrftoken",
			"bearertoken", "apitoken", "jwt", "authorization", "credentials", "clientassertion", "assertion", "samlresponse", "codeverifier",
			"accesskey", "secretaccesskey", "awssecretaccesskey", "connectionstring",
			"xamzsignature", "xamzsecuritytoken", "xgoogsignature", "sig",
		} {
			names[name] = true
		}
		return names
	}()
	secretEnds = [...]string{"password", "passwd", "secret", "apikey", "secretkey", "privatekey"}
)

// lastTwo tells of the last two bytes of a name, of which five bits count, whether it may be that of a secret. Most names are told by it.
var lastTwo = func() (may [1 << 10]bool) {
	for _, name := range slices.AppendSeq(secretEnds[:], maps.Keys(secretNames)) {
		may[fold(name[len(name)-2], name[len(name)-1])] = true
	}
	return may
}()

// fold makes a number of two bytes. It is the same in upper and lower case.
func fold(a, b byte) int { return int(a&31)<<5 | int(b&31) }

// isDropped are the bytes of a name that do not count.
var isDropped = *chars("--__..")

// isSecretName tells whether a field or parameter of that name holds a secret. Case, dashes, underscores and dots do not count.
func isSecretName(name []byte) bool {
	if len(name) < shortestField {
		return false
	}
	if a, b := name[len(name)-2], name[len(name)-1]; !lastTwo[fold(a, b)] && !isDropped[a] && !isDropped[b] {
		return false
	}
	var plain [longestField]byte
	n := 0
	for _, c := range name {
		if isDropped[c] {
			continue
		}
		if n == longestField {
			return false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		plain[n] = c
		n++
	}
	if secretNames[string(plain[:n])] {
		return true
	}
	for _, end := range secretEnds {
		if bytes.HasSuffix(plain[:n], []byte(end)) {
			return true
		}
	}
	return false
}
