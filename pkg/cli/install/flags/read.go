// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package flags

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/install"
)

// valuesLimit bounds what is read of a values file.
const valuesLimit = 1 << 20

// Read returns the defaults, what the values file says, and over it those of the flags that were given and are options. The name of the file may
// be empty for none, or - for stdin.
func Read(given *pflag.FlagSet, values string, stdin io.Reader) (install.Options, error) {
	options := install.Defaults()
	if values != "" {
		data, err := readValues(values, stdin)
		if err != nil {
			return options, err
		}
		if options, err = install.ReadValues(data); err != nil {
			return options, fmt.Errorf("--values: %q: %w", values, err)
		}
	}
	var failed error
	merged := For(&options)
	given.Visit(func(given *pflag.Flag) {
		flag := merged.Lookup(given.Name)
		if flag == nil || failed != nil {
			return
		}
		if list, ok := given.Value.(pflag.SliceValue); ok {
			failed = flag.Value.(pflag.SliceValue).Replace(list.GetSlice())
			return
		}
		failed = flag.Value.Set(given.Value.String())
	})
	return options, failed
}

func readValues(name string, stdin io.Reader) ([]byte, error) {
	reader := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--values: %w", err)
		}
		defer file.Close()
		reader = file
	}
	data, err := io.ReadAll(io.LimitReader(reader, valuesLimit+1))
	if err != nil {
		return nil, fmt.Errorf("--values: reading %s: %w", name, err)
	}
	if len(data) > valuesLimit {
		return nil, fmt.Errorf("--values: %s is larger than %d bytes, which are allowed", name, valuesLimit)
	}
	return data, nil
}
