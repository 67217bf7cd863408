// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package exit gives an error the exit code that a command ends with.
package exit

import "errors"

// Exit codes of kubectl restage.
const (
	OK = 0
	// Failed is the answer no: a replay that did not pass, a check that found something wrong.
	Failed = 1
	// Unable means that there is no answer: a mistake on the command line, no cluster, a replay that could not run.
	Unable = 2
)

type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// With returns err with an exit code; nil stays nil.
func With(code int, err error) error {
	if err == nil {
		return nil
	}
	return coded{err, code}
}

// Silently is an exit code of which nothing is to be said, since the output says it all.
func Silently(code int) error { return coded{silent{}, code} }

type silent struct{}

func (silent) Error() string { return "" }

// Code of an error: OK for nil, Unable for one that was given none.
func Code(err error) int {
	var c coded
	switch {
	case err == nil:
		return OK
	case errors.As(err, &c):
		return c.code
	default:
		return Unable
	}
}
