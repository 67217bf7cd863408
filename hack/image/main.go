// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command image writes a container image, as an OCI image layout in a tar file, from files of this machine. It needs
// no container runtime and no registry. `ctr images import` and `kind load image-archive` take the result.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const usage = `usage: image -o OUT.tar -ref NAME:TAG [flags] SRC=DST[:MODE] ...

Each SRC is a file, or a directory that is taken with all it holds; DST is an absolute path in the image; MODE is
octal and applies to regular files (without it, the mode of the file is kept). Without SRC, as in =/tmp:1777, an empty
directory is made. The same input gives the same bytes.

flags:
`

type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "image:", err)
		}
		os.Exit(1)
	}
}

func run(args []string, stdout, stderr io.Writer) error {
	var img Image
	var out string
	fs := flag.NewFlagSet("image", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() { fmt.Fprint(stderr, usage); fs.PrintDefaults() }
	fs.StringVar(&out, "o", "", "`file` to write (required)")
	fs.StringVar(&img.Reference, "ref", "", "full `reference`, such as localhost/restage/proxy:dev (required)")
	fs.StringVar(&img.User, "user", "", "`user` to run as, such as 65532:65532")
	fs.StringVar(&img.WorkingDir, "workdir", "", "working `directory`")
	fs.StringVar(&img.Architecture, "arch", runtime.GOARCH, "`architecture` of the binaries")
	fs.Var((*list)(&img.Entrypoint), "entrypoint", "one `word` of the entrypoint; repeat for more")
	fs.Var((*list)(&img.Cmd), "cmd", "one `word` of the default arguments; repeat for more")
	fs.Var((*list)(&img.Env), "env", "`NAME=VALUE` in the environment; repeat for more")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if out == "" || img.Reference == "" {
		return errors.New("-o and -ref are required (-h shows the usage)")
	}
	if fs.NArg() == 0 {
		return errors.New("nothing to put into the image (-h shows the usage)")
	}
	for _, a := range fs.Args() {
		if err := img.AddArg(a); err != nil {
			return err
		}
	}
	digest, size, err := writeFile(out, &img)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s %s %.1f MiB\n", img.Reference, digest, float64(size)/(1<<20))
	return nil
}

// writeFile writes beside the target and renames, so that nobody ever reads half an image.
func writeFile(name string, img *Image) (digest string, size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if digest, err = img.Encode(f); err != nil {
		return "", 0, err
	}
	fi, err := f.Stat()
	if err != nil {
		return "", 0, err
	}
	if err = f.Chmod(0o644); err != nil {
		return "", 0, err
	}
	if err = f.Close(); err != nil {
		return "", 0, err
	}
	return digest, fi.Size(), os.Rename(f.Name(), name)
}
