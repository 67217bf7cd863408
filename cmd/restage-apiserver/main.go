// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command restage-apiserver is the aggregated API server of Restage.
package main

import (
	"os"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/component-base/cli"

	"github.com/restage-dev/restage/pkg/apiserver"
)

func main() {
	ctx := genericapiserver.SetupSignalContext()
	os.Exit(cli.Run(apiserver.NewCommand(ctx)))
}
