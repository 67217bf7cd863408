// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/shlex"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli"
)

var (
	command = regexp.MustCompile(`kubectl restage [a-z-][^|;&()]*`)
	target  = regexp.MustCompile(`^\s*(?:\$ )?make ([a-z0-9-]+)`)
)

// TestCommands parses each call of kubectl restage in a code block: the command and all of its flags must exist.
func TestCommands(t *testing.T) {
	for name, p := range pages(t) {
		for _, line := range p.code() {
			for _, call := range command.FindAllString(line, -1) {
				checkCommand(t, name, call)
			}
		}
	}
}

func checkCommand(t *testing.T, page, call string) {
	t.Helper()
	call = strings.TrimSuffix(strings.TrimSpace(call), `\`) // goes on in the next line
	words, err := shlex.Split(call)
	if err != nil {
		t.Errorf("%s: %s: %v", page, call, err)
		return
	}
	found, args, err := cli.New(genericiooptions.NewTestIOStreamsDiscard()).Find(words[2:])
	if err != nil {
		t.Errorf("%s: %s: %v", page, call, err)
		return
	}
	if strings.Contains(call, "[") || strings.Contains(call, "COMMAND") { // a synopsis
		return
	}
	if !found.Runnable() && len(args) > 0 {
		t.Errorf("%s: %s: %s has no command %s", page, call, found.CommandPath(), args[0])
	}
	if err := found.ParseFlags(args); err != nil && !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("%s: %s: %v", page, call, err)
	}
}

// TestMakeTargets looks each target up in the Makefile.
func TestMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range pages(t) {
		for _, line := range p.code() {
			if match := target.FindStringSubmatch(line); match != nil && !strings.Contains(string(makefile), "\n"+match[1]+":") {
				t.Errorf("%s: the Makefile has no target %s", name, match[1])
			}
		}
	}
}
