// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package creation has what commands that make an object share: --dry-run, -o and how the object is printed.
package creation

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/scheme"
)

// FieldManager owns what is written by kubectl restage.
const FieldManager = "kubectl-restage"

// Flags of a command that makes an object. Complete comes before the rest. The zero value is that of a command without these flags.
type Flags struct {
	print    *genericclioptions.PrintFlags
	strategy cmdutil.DryRunStrategy
}

// Add adds the flags to a command; done is what happened to the object, such as created.
func Add(cmd *cobra.Command, done string) *Flags {
	f := &Flags{print: genericclioptions.NewPrintFlags(done).WithTypeSetter(scheme.Scheme)}
	f.print.AddFlags(cmd)
	cmdutil.AddDryRunFlag(cmd)
	return f
}

// Complete reads --dry-run and refuses an -o that does not exist.
func (f *Flags) Complete(cmd *cobra.Command) error {
	var err error
	if f.strategy, err = cmdutil.GetDryRunStrategy(cmd); err != nil {
		return fmt.Errorf("--dry-run %q: must be none, server or client", cmd.Flag("dry-run").Value)
	}
	f.print = cmdutil.PrintFlagsWithDryRunStrategy(f.print, f.strategy)
	_, err = f.print.ToPrinter()
	return err
}

// IsDryRun tells whether nothing is made.
func (f *Flags) IsDryRun() bool { return f.strategy != cmdutil.DryRunNone }

// Options are those of the request.
func (f *Flags) Options() metav1.CreateOptions {
	options := metav1.CreateOptions{FieldManager: FieldManager, FieldValidation: metav1.FieldValidationStrict}
	if f.strategy == cmdutil.DryRunServer {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return options
}

// IsDocument tells whether -o asks for the object itself, and not for a line about it.
func (f *Flags) IsDocument() bool {
	return f.print != nil && *f.print.OutputFormat != "" && *f.print.OutputFormat != "name"
}

// Print prints an object.
func (f *Flags) Print(object runtime.Object, out io.Writer) error {
	printer, err := f.print.ToPrinter()
	if err != nil {
		return err
	}
	return printer.PrintObj(object, out)
}

// Make makes an object by create, unless this is a client-side dry run, and returns what the server makes of it.
func Make[T runtime.Object](f *Flags, object T, create func(T, metav1.CreateOptions) (T, error)) (T, error) {
	if f.strategy == cmdutil.DryRunClient {
		return object, nil
	}
	return create(object, f.Options())
}
