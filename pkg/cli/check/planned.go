// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/cli/install/flags"
	"github.com/restage-dev/restage/pkg/install"
)

// planOptions are the flags of kubectl restage install that make a difference to what is checked. A values file can have all of its options.
var planOptions = []string{"registry", "tag", "image-pull-policy", "image-pull-secrets", "kube-version", "injection", "monitoring"}

// planned is what will be installed.
type planned struct {
	values string
	given  *pflag.FlagSet
}

func (p *planned) addFlags(to *pflag.FlagSet) {
	to.StringVar(&p.values, "values", "", "Before installing: file with the options of the installation, as the command install takes it, or - for standard input.")
	options := install.Defaults()
	all := flags.For(&options)
	for _, name := range planOptions {
		flag := all.Lookup(name)
		flag.Usage = "Before installing, as for the command install: " + flag.Usage
		to.AddFlag(flag)
	}
}

// first is the first of the flags that was given; empty when none was.
func (p *planned) first() string {
	for _, name := range append([]string{"values"}, planOptions...) {
		if p.given.Changed(name) {
			return name
		}
	}
	return ""
}

// options are those of the installation.
func (p *planned) options(stdin io.Reader) (install.Options, error) {
	return flags.Read(p.given, p.values, stdin)
}

// refuse says that a flag has no effect on what is installed already.
func (p *planned) refuse(namespace string) error {
	return fmt.Errorf("--%s: Restage is installed in namespace %s, and checked as it is; give --pre to check what will be installed", p.first(), namespace)
}
