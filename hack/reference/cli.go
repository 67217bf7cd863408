// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli"
)

// cliPage documents all commands of kubectl restage.
func cliPage(context.Context) (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	root := cli.New(genericiooptions.NewTestIOStreamsDiscard())
	root.DisableAutoGenTag = true
	root.PersistentFlags().VisitAll(func(flag *pflag.Flag) { // some defaults are files of whoever runs this
		flag.DefValue = strings.ReplaceAll(flag.DefValue, home, "$HOME")
	})
	var page strings.Builder
	page.WriteString(heading("The commands of kubectl restage", "the commands in pkg/cli"))
	page.WriteString("What `kubectl restage COMMAND --help` says, on one page. The flags of the first section, which are those of kubectl, are there in all commands.\n")
	if err := commandSection(&page, root); err != nil {
		return "", err
	}
	return strings.TrimRight(page.String(), "\n") + "\n", nil
}

func commandSection(page *strings.Builder, command *cobra.Command) error {
	var section strings.Builder
	if err := doc.GenMarkdownCustom(command, &section, anchor); err != nil {
		return err
	}
	page.WriteString("\n")
	page.WriteString(strings.TrimSpace(section.String()))
	page.WriteString("\n")
	// said once, at the root
	command.PersistentFlags().VisitAll(func(flag *pflag.Flag) { flag.Hidden = true })
	for _, sub := range command.Commands() {
		if !sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := commandSection(page, sub); err != nil {
			return err
		}
	}
	return nil
}

// anchor turns the file that cobra would write a command into, such as kubectl_restage_check.md, into a section of this page.
func anchor(file string) string {
	return "#" + strings.NewReplacer("_", "-", " ", "-").Replace(strings.TrimSuffix(file, ".md"))
}
