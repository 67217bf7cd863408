// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package output is the flag -o of commands whose answer is no API object.
package output

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// Formats.
const (
	Text = "" // for people
	JSON = "json"
	YAML = "yaml"
	Wide = "wide" // for people, with more columns
)

// Flag is -o with the formats that a command has.
type Flag struct {
	Format  string
	allowed []string
}

// Add adds the flag to a command, with completion.
func (f *Flag) Add(command *cobra.Command, allowed ...string) {
	f.allowed = allowed
	command.Flags().StringVarP(&f.Format, "output", "o", "", "Output format: "+strings.Join(allowed, ", ")+"; text for people when empty.")
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
}

// Validate refuses formats that the command does not have.
func (f *Flag) Validate() error {
	if f.Format == Text || slices.Contains(f.allowed, f.Format) {
		return nil
	}
	return fmt.Errorf("--output %q: allowed are %s", f.Format, strings.Join(f.allowed, ", "))
}

// Structured tells whether the answer is for programs.
func (f *Flag) Structured() bool { return f.Format == JSON || f.Format == YAML }

// Write writes a value as JSON or YAML.
func (f *Flag) Write(out io.Writer, value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	if f.Format == YAML {
		if data, err = yaml.JSONToYAML(data); err != nil {
			return fmt.Errorf("encoding the answer: %w", err)
		}
		_, err = out.Write(data)
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", data)
	return err
}
