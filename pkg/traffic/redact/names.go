// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// longestField is the most bytes of a name of a secret field, without what is dropped from it.
const longestField = 40

// isSecretName tells whether a field or parameter of that name holds a secret. Case, dashes, underscores and dots do not count.
func isSecretName(name []byte) bool {
	var plain [longestField]byte
	n := 0
	for _, c := range name {
		if c == '-' || c == '_' || c == '.' {
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
	text := plain[:n]
	switch string(text) {
	case "pwd", "pass", "passphrase", "pin", "cvv", "cvv2", "cvc", "securitycode", "otp",
		"token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "sessiontoken", "securitytoken", "csrftoken", "xsrftoken",
		"bearertoken", "apitoken", "jwt", "authorization", "credentials", "clientassertion", "assertion", "samlresponse", "codeverifier",
		"accesskey", "secretaccesskey", "awssecretaccesskey", "connectionstring",
		"xamzsignature", "xamzsecuritytoken", "xgoogsignature", "sig":
		return true
	}
	for _, end := range [...]string{"password", "passwd", "secret", "apikey", "secretkey", "privatekey"} {
		if bytes.HasSuffix(text, []byte(end)) {
			return true
		}
	}
	return false
}
