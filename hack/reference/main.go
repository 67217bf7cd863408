// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command reference writes the pages of docs/reference that follow from the code: api.md from the OpenAPI definitions of the types,
// cli.md from the commands of kubectl restage, permissions.md from the manifests, and servers.md from what the other programs say of
// their flags.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference DIRECTORY")
		os.Exit(2)
	}
	if err := write(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, directory string) error {
	for name, page := range map[string]func(context.Context) (string, error){
		"api.md": apiPage, "cli.md": cliPage, "permissions.md": permissionsPage, "servers.md": serversPage,
	} {
		text, err := page(ctx)
		if err != nil {
			return fmt.Errorf("writing %s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(directory, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// heading begins a page that is not to be edited.
func heading(title, source string) string {
	return fmt.Sprintf("<!-- Generated from %s by hack/update-codegen.sh: do not edit. -->\n\n# %s\n\n", source, title)
}
