// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const serversText = `The programs that run in the cluster. The controller writes the command lines of the forwarder, of sidecars, responders and generators by
itself; those of the server and the controller are in artifacts/base. [Operations](operations.md) says which flags matter.
`

// programs are those that run in the cluster, with the commands that have flags of their own.
var programs = []struct {
	name     string
	commands []string
}{
	{"restage-apiserver", []string{"", "backup", "restore"}},
	{"restage-controller", []string{""}},
	{"restage-forwarder", []string{""}},
	{"restage-proxy", []string{"init", "run"}},
	{"restage-responder", []string{""}},
	{"restage-generator", []string{""}},
}

// serversPage asks each program for its help.
func serversPage(ctx context.Context) (string, error) {
	built, err := os.MkdirTemp("", "")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(built)
	var page strings.Builder
	page.WriteString(heading("Programs and their flags", "what the programs in cmd say of themselves"))
	page.WriteString(serversText)
	for _, program := range programs {
		file := filepath.Join(built, program.name)
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", file, "./cmd/"+program.name).CombinedOutput(); err != nil {
			return "", fmt.Errorf("building %s: %w: %s", program.name, err, out)
		}
		for _, command := range program.commands {
			args := append([]string{program.name}, strings.Fields(command)...)
			help := exec.CommandContext(ctx, file)
			help.Args = append(args, "--help") // with the plain name, which some print
			out, err := help.CombinedOutput()
			if err != nil {
				return "", fmt.Errorf("asking %s: %w: %s", strings.Join(help.Args, " "), err, out)
			}
			fmt.Fprintf(&page, "\n## %s\n\n```\n%s\n```\n", strings.Join(args, " "), trimLines(string(out)))
		}
	}
	return page.String(), nil
}

// trimLines takes white space from the ends of lines.
func trimLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t")
	}
	return strings.Join(lines, "\n")
}
