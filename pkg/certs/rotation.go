// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"time"

	"github.com/restage-dev/restage/pkg/authority"
)

// age is how long ago the CA was made.
func age(a authority.Authority, now time.Time) time.Duration {
	return now.Sub(authority.Issued(a.Certificate))
}

// signer is the newest CA that clients have had time to learn of; the oldest when there is none.
func signer(as authority.List, settle time.Duration, now time.Time) authority.Authority {
	for _, a := range as {
		if age(a, now) >= settle {
			return a
		}
	}
	return as[len(as)-1]
}

// needed leaves out CAs that have expired, and those whose successor has signed for so long that no server shows a certificate of
// theirs any more.
func needed(as authority.List, settle time.Duration, now time.Time) authority.List {
	var result authority.List
	for _, a := range as {
		if now.Before(a.Certificate.NotAfter) {
			result = append(result, a)
		}
		if age(a, now) >= 2*settle {
			break // what follows is older
		}
	}
	return result
}

// succeeded has a new CA in front, unless the newest is a successor that does not sign yet.
func succeeded(as authority.List, name string, l Lifetimes, now time.Time) (authority.List, error) {
	if len(as) > 1 && signer(as, l.Settle, now).Key != as[0].Key {
		return as, nil
	}
	fresh, err := authority.New(name, l.CA, now)
	if err != nil {
		return nil, err
	}
	return append(authority.List{fresh}, as...), nil
}
