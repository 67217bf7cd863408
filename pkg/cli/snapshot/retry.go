// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
)

// patience is how a request is tried again, for about two minutes.
func patience() wait.Backoff {
	return wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Jitter: 0.1, Cap: 10 * time.Second, Steps: 16}
}

// retry does something again for as long as its failure may pass, and says so.
func retry(ctx context.Context, out io.Writer, do func() error) error {
	for backoff, said := patience(), false; ; {
		err := do()
		if err == nil || !mayPass(err) || backoff.Steps <= 0 || ctx.Err() != nil {
			return err
		}
		if !said {
			said = true
			fmt.Fprintf(out, "trying again: %v\n", err)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff.Step()):
		}
	}
}

// mayPass tells the errors of a server that is restarting, or has too much to do, and of a connection that broke.
func mayPass(err error) bool {
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code == http.StatusTooManyRequests || code == http.StatusBadGateway || code == http.StatusServiceUnavailable || code == http.StatusGatewayTimeout
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}
