// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// chart writes the Helm chart anew, from the manifests in artifacts.
//
//	go run ./hack/chart artifacts/chart
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/restage-dev/restage/pkg/install/chart"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// write replaces the folder.
func write(folder string) error {
	files, err := chart.Files()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	for name, data := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}
