// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wiring

import "time"

// Deployments that make up an installation, in its own namespace. The forwarder's is made by the controller.
const (
	ServerDeployment     = "restage-apiserver"
	ControllerDeployment = "restage-controller"
	ForwarderDeployment  = "restage-forwarder"
)

// DeploymentAbsence is how long one of them must be gone before the other parts take it for removed: one that is replaced comes back.
const DeploymentAbsence = 10 * time.Second
