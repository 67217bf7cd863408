// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"errors"
	"net"
	"syscall"
)

// failure ends the responses of a connection that could not be opened.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// failureText says why a destination could not be reached, as Record.failure has it.
func failureText(err error) string {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return "timeout"
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return "connect: " + errno.Error()
	}
	return "connect: failed"
}
