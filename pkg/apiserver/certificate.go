// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"

	"k8s.io/apiserver/pkg/server/dynamiccertificates"

	"github.com/restage-dev/restage/pkg/certs"
)

// servingCertificate is a certificate manager in the form that the generic server takes: it runs the manager.
type servingCertificate struct {
	*certs.Manager
}

var (
	_ dynamiccertificates.CertKeyContentProvider = servingCertificate{}
	_ dynamiccertificates.ControllerRunner       = servingCertificate{}
)

func (servingCertificate) Name() string { return "self-managed" }

func (c servingCertificate) AddListener(listener dynamiccertificates.Listener) {
	c.OnChange(listener.Enqueue)
}

func (c servingCertificate) RunOnce(ctx context.Context) error { return c.Sync(ctx) }

func (c servingCertificate) Run(ctx context.Context, _ int) { c.Manager.Run(ctx) }
