// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package certs

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

const (
	// DefaultLifetime of serving certificates.
	DefaultLifetime = 30 * 24 * time.Hour
	// minLifetime makes a CA known for two minutes before it signs: the kubelet takes more than one to bring it to pods.
	minLifetime = time.Hour
	maxLifetime = 365 * 24 * time.Hour

	lifetimeFlag = "certificate-lifetime"
	// A CA lives as long as so many certificates, and is known for such a part of a certificate's life before it signs.
	certificatesOfCA  = 12
	settleOfLifetime  = 30
	checksWhileSettle = 10
	slowestCheck      = time.Minute
)

// Lifetimes say how long certificates are valid. As a flag they are the lifetime of serving certificates.
type Lifetimes struct {
	CA          time.Duration
	Certificate time.Duration
	// Settle is how long a new CA is published before it signs, so that every client knows it by then, and how long its
	// predecessor is still trusted after that.
	Settle time.Duration
}

// LifetimesOf are those that fit a lifetime of serving certificates: with 30 days a CA lives for a year and settles for a day.
func LifetimesOf(certificate time.Duration) Lifetimes {
	return Lifetimes{CA: certificatesOfCA * certificate, Certificate: certificate, Settle: certificate / settleOfLifetime}
}

// checkInterval is how often it is looked what is due.
func (l Lifetimes) checkInterval() time.Duration {
	return min(l.Settle/checksWhileSettle, slowestCheck)
}

// AddFlag adds the flag that sets the lifetimes by that of serving certificates.
func (l *Lifetimes) AddFlag(flags *pflag.FlagSet) {
	*l = LifetimesOf(DefaultLifetime)
	flags.Var(l, lifetimeFlag, fmt.Sprintf(
		"How long a serving certificate that Restage makes is valid, %v to %v. It is renewed after two thirds. Its CA lives %d times as long, and a new CA is published a %dth of it before it signs.",
		minLifetime, maxLifetime, certificatesOfCA, settleOfLifetime))
}

// Argument is the flag as an argument of a program that has it.
func (l *Lifetimes) Argument() string { return fmt.Sprintf("--%s=%v", lifetimeFlag, l) }

// Set is of pflag.Value.
func (l *Lifetimes) Set(value string) error {
	certificate, err := time.ParseDuration(value)
	if err != nil || certificate < minLifetime || certificate > maxLifetime {
		return fmt.Errorf("must be a duration from %v to %v", minLifetime, maxLifetime)
	}
	*l = LifetimesOf(certificate)
	return nil
}

// String is of pflag.Value.
func (l *Lifetimes) String() string { return l.Certificate.String() }

// Type is of pflag.Value.
func (*Lifetimes) Type() string { return "duration" }
