// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write makes a file with its parents and returns its name.
func write(t *testing.T, name, data string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(data), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return name
}

type file struct {
	hdr  tar.Header
	data []byte
}

func untar(t *testing.T, b []byte) (files map[string]file, order []string) {
	t.Helper()
	files = map[string]file{}
	tr := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return files, order
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := files[h.Name]; ok {
			t.Errorf("%s is there twice", h.Name)
		}
		files[h.Name] = file{*h, data}
		order = append(order, h.Name)
	}
}

func decode[T any](t *testing.T, b []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// blob returns what a descriptor points at and checks that it is what the descriptor says.
func blob(t *testing.T, files map[string]file, d ociDescriptor) []byte {
	t.Helper()
	f, ok := files["blobs/sha256/"+strings.TrimPrefix(d.Digest, "sha256:")]
	if !ok {
		t.Fatalf("no blob %s", d.Digest)
	}
	if digestOf(f.data) != d.Digest || len(f.data) != d.Size {
		t.Fatalf("blob %s: digest %s, size %d, want %d", d.Digest, digestOf(f.data), len(f.data), d.Size)
	}
	return f.data
}

func TestImage(t *testing.T) {
	dir := t.TempDir()
	app := write(t, filepath.Join(dir, "app"), "#!app", 0o700)
	tree := filepath.Join(dir, "tree")
	write(t, filepath.Join(tree, "b/two"), "2", 0o644)
	write(t, filepath.Join(tree, "a"), "1", 0o600)
	if err := os.Symlink("b/two", filepath.Join(tree, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(app, filepath.Join(dir, "alias")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out.tar")
	var stdout, stderr bytes.Buffer
	args := []string{"-o", out, "-ref", "localhost/restage/x:dev", "-arch", "amd64", "-user", "65532:65532", "-workdir", "/tmp",
		"-entrypoint", "/app", "-entrypoint", "run,me", "-cmd", "--v=2", "-env", "A=b=c",
		app + "=/app:755", filepath.Join(dir, "alias") + "=/bin/alias", tree + "=/srv/tree", "=/tmp:1777"}
	if err := run(args, &stdout, &stderr); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	outer, _ := untar(t, raw)

	if got := string(outer["oci-layout"].data); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout: %s", got)
	}
	index := decode[ociIndex](t, outer["index.json"].data)
	if len(index.Manifests) != 1 {
		t.Fatalf("index: %+v", index)
	}
	top := index.Manifests[0]
	if got := top.Annotations["io.containerd.image.name"]; got != "localhost/restage/x:dev" {
		t.Errorf("name: %q", got)
	}
	if got := top.Annotations["org.opencontainers.image.ref.name"]; got != "dev" {
		t.Errorf("tag: %q", got)
	}
	if !strings.Contains(stdout.String(), top.Digest) {
		t.Errorf("stdout %q lacks the digest %s", stdout.String(), top.Digest)
	}
	manifest := decode[ociManifest](t, blob(t, outer, top))
	config := decode[ociImage](t, blob(t, outer, manifest.Config))
	layer := blob(t, outer, manifest.Layers[0])
	if got := config.RootFS.DiffIDs; len(got) != 1 || got[0] != digestOf(layer) {
		t.Errorf("diff ids %v", got)
	}
	c := config.Config
	if c.User != "65532:65532" || c.WorkingDir != "/tmp" || strings.Join(c.Entrypoint, "|") != "/app|run,me" ||
		strings.Join(c.Cmd, "|") != "--v=2" || strings.Join(c.Env, "|") != defaultPath+"|A=b=c" {
		t.Errorf("config: %+v", c)
	}
	docker := decode[[]dockerManifest](t, outer["manifest.json"].data)
	for _, name := range append([]string{docker[0].Config}, docker[0].Layers...) {
		if _, ok := outer[name]; !ok {
			t.Errorf("manifest.json names %s, which is not there", name)
		}
	}

	files, order := untar(t, layer)
	wantOrder := "app bin/ bin/alias srv/ srv/tree/ srv/tree/a srv/tree/b/ srv/tree/b/two srv/tree/link tmp/"
	if got := strings.Join(order, " "); got != wantOrder {
		t.Errorf("order:\n got %s\nwant %s", got, wantOrder)
	}
	for name, want := range map[string]struct {
		mode int64
		data string
	}{"app": {0o755, "#!app"}, "bin/alias": {0o700, "#!app"}, "srv/tree/a": {0o600, "1"}, "srv/tree/b/two": {0o644, "2"}} {
		if f := files[name]; f.hdr.Mode != want.mode || string(f.data) != want.data {
			t.Errorf("%s: mode %o, %q; want %o, %q", name, f.hdr.Mode, f.data, want.mode, want.data)
		}
	}
	if f := files["tmp/"]; f.hdr.Typeflag != tar.TypeDir || f.hdr.Mode != 0o1777 {
		t.Errorf("tmp: %+v", f.hdr)
	}
	if f := files["srv/tree/link"]; f.hdr.Typeflag != tar.TypeSymlink || f.hdr.Linkname != "b/two" {
		t.Errorf("link: %+v", f.hdr)
	}
	for name, f := range files {
		if !f.hdr.ModTime.Equal(epoch) || f.hdr.Uid != 0 || f.hdr.Gid != 0 || f.hdr.Uname != "" {
			t.Errorf("%s depends on the machine: %+v", name, f.hdr)
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	build := func(when time.Time) []byte {
		dir := t.TempDir()
		for _, n := range []string{"z", "m/n", "a"} {
			write(t, filepath.Join(dir, n), n, 0o755)
			if err := os.Chtimes(filepath.Join(dir, n), when, when); err != nil {
				t.Fatal(err)
			}
		}
		img := Image{Reference: "localhost/restage/x:dev", Architecture: "amd64"}
		if err := img.Add(dir, "/", 0); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := img.Encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if !bytes.Equal(build(time.Now()), build(time.Unix(1, 0))) {
		t.Error("the same files gave two images")
	}
}

func TestMistakes(t *testing.T) {
	dir := t.TempDir()
	f := write(t, filepath.Join(dir, "f"), "x", 0o644)
	out := filepath.Join(dir, "out.tar")
	good := []string{"-o", out, "-ref", "localhost/restage/x:dev"}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no output":         {[]string{"-ref", "x:dev", f + "=/f"}, "-o and -ref are required"},
		"no files":          {good, "nothing to put"},
		"no tag":            {[]string{"-o", out, "-ref", "host:5000/x", f + "=/f"}, "has no tag"},
		"no equals sign":    {append(good, f), "want SRC=DST"},
		"relative path":     {append(good, f+"=f"), "absolute path"},
		"file as root":      {append(good, f+"=/"), "absolute path"},
		"not octal":         {append(good, f+"=/f:rwx"), "octal"},
		"missing file":      {append(good, filepath.Join(dir, "no")+"=/f"), "no such file"},
		"twice":             {append(good, f+"=/f", f+"=/f"), "added twice"},
		"below a file":      {append(good, f+"=/f", f+"=/f/g"), "not a directory"},
		"file for a parent": {append(good, f+"=/f/g", f+"=/f"), "added twice"},
		"device":            {append(good, "/dev/null=/null"), "neither a file"},
	} {
		t.Run(name, func(t *testing.T) {
			err := run(tc.args, io.Discard, io.Discard)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, "*.tar*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
