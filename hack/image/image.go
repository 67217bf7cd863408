// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar" // not compressed: it never goes over a network
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Image is an image of one layer.
type Image struct {
	Reference    string
	Architecture string
	User         string
	WorkingDir   string
	Entrypoint   []string
	Cmd          []string
	Env          []string

	entries map[string]entry // by path in the image, without the leading slash
}

// entry is a file of the layer: a directory, a symbolic link, or the contents of src.
type entry struct {
	kind byte // tar.TypeDir, tar.TypeSymlink or tar.TypeReg
	mode fs.FileMode
	src  string // file to read, or the target of the link
}

// AddArg adds what SRC=DST[:MODE] names.
func (img *Image) AddArg(arg string) error {
	src, dst, ok := strings.Cut(arg, "=")
	if !ok {
		return fmt.Errorf("%q: want SRC=DST[:MODE]", arg)
	}
	mode := fs.FileMode(0) // as the file has it
	if i := strings.LastIndexByte(dst, ':'); i >= 0 {
		m, err := strconv.ParseUint(dst[i+1:], 8, 12)
		if err != nil || m == 0 {
			return fmt.Errorf("%q: the mode must be octal and not 0", arg)
		}
		dst, mode = dst[:i], fs.FileMode(m)
	}
	if !path.IsAbs(dst) || path.Clean(dst) == "/" && !isDir(src) {
		return fmt.Errorf("%q: the destination must be an absolute path of a file", arg)
	}
	if src == "" {
		if mode == 0 {
			mode = 0o755
		}
		return img.put(strings.TrimPrefix(path.Clean(dst), "/"), entry{kind: tar.TypeDir, mode: mode})
	}
	return img.Add(src, dst, mode)
}

// Add puts src, a file or a directory, into the image as dst. Links named as src are followed; links inside a
// directory are kept as links. A mode other than 0 replaces the mode of regular files.
func (img *Image) Add(src, dst string, mode fs.FileMode) error {
	src, err := filepath.EvalSymlinks(src)
	if err != nil {
		return err
	}
	return filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		to := strings.TrimPrefix(path.Join(dst, filepath.ToSlash(rel)), "/")
		fi, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case fi.IsDir():
			return img.put(to, entry{kind: tar.TypeDir, mode: fi.Mode()})
		case fi.Mode().IsRegular():
			m := fi.Mode()
			if mode != 0 {
				m = mode
			}
			return img.put(to, entry{kind: tar.TypeReg, mode: m, src: p})
		case fi.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			return img.put(to, entry{kind: tar.TypeSymlink, mode: 0o777, src: target})
		default:
			return fmt.Errorf("%s: neither a file, a directory nor a symbolic link", p)
		}
	})
}

// put adds one entry and the directories above it. The same path twice is a mistake, unless both are directories.
func (img *Image) put(name string, e entry) error {
	if img.entries == nil {
		img.entries = map[string]entry{}
	}
	if name == "" {
		return nil // the root itself is in every image
	}
	if old, ok := img.entries[name]; ok && (old.kind != tar.TypeDir || e.kind != tar.TypeDir) {
		return fmt.Errorf("/%s is added twice", name)
	}
	img.entries[name] = e
	for d := path.Dir(name); d != "."; d = path.Dir(d) {
		if old, ok := img.entries[d]; !ok {
			img.entries[d] = entry{kind: tar.TypeDir, mode: 0o755}
		} else if old.kind != tar.TypeDir {
			return fmt.Errorf("/%s lies below /%s, which is not a directory", name, d)
		}
	}
	return nil
}

// Encode writes the image layout as a tar and returns the digest of the manifest.
func (img *Image) Encode(w io.Writer) (string, error) {
	if img.Reference == "" || strings.LastIndexByte(img.Reference, ':') <= strings.LastIndexByte(img.Reference, '/') {
		return "", fmt.Errorf("the reference %q has no tag", img.Reference)
	}
	layer, err := img.layer()
	if err != nil {
		return "", err
	}
	env := img.Env
	if !slices.ContainsFunc(env, func(s string) bool { return strings.HasPrefix(s, "PATH=") }) {
		env = append([]string{defaultPath}, env...)
	}
	config := mustJSON(ociImage{
		Architecture: img.Architecture,
		OS:           "linux",
		Config: ociConfig{
			User: img.User, Env: env, Entrypoint: img.Entrypoint, Cmd: img.Cmd, WorkingDir: img.WorkingDir,
		},
		RootFS: ociRootFS{Type: "layers", DiffIDs: []string{digestOf(layer)}},
	})
	manifest := mustJSON(ociManifest{
		SchemaVersion: 2, MediaType: typeManifest,
		Config: describe(typeConfig, config),
		Layers: []ociDescriptor{describe(typeLayer, layer)},
	})
	top := describe(typeManifest, manifest)
	top.Platform = &ociPlatform{Architecture: img.Architecture, OS: "linux"}
	top.Annotations = map[string]string{
		"io.containerd.image.name":          img.Reference,
		"org.opencontainers.image.ref.name": img.Reference[strings.LastIndexByte(img.Reference, ':')+1:],
	}
	index := mustJSON(ociIndex{SchemaVersion: 2, MediaType: typeIndex, Manifests: []ociDescriptor{top}})
	// what `docker save` writes beside the layout; `docker load` before version 25 reads only this
	docker := mustJSON([]dockerManifest{{
		Config: blobName(config), RepoTags: []string{img.Reference}, Layers: []string{blobName(layer)},
	}})

	tw := tar.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{"manifest.json", docker},
		{blobName(manifest), manifest},
		{blobName(config), config},
		{blobName(layer), layer},
	} {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.data)), Mode: 0o644, ModTime: epoch}
		if err := tw.WriteHeader(h); err != nil {
			return "", err
		}
		if _, err := tw.Write(f.data); err != nil {
			return "", err
		}
	}
	return top.Digest, tw.Close()
}

// epoch is the time of every file: the image depends on contents alone.
var epoch = time.Unix(0, 0).UTC()

// layer returns the tar of all entries, sorted by path, so that directories come before what they hold.
func (img *Image) layer() ([]byte, error) {
	if len(img.entries) == 0 {
		return nil, errors.New("the image is empty")
	}
	var names []string
	for n := range img.entries {
		names = append(names, n)
	}
	slices.Sort(names)

	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, n := range names {
		e := img.entries[n]
		h := &tar.Header{Typeflag: e.kind, Name: n, Mode: tarMode(e.mode), ModTime: epoch, Format: tar.FormatPAX}
		var data []byte
		switch e.kind {
		case tar.TypeDir:
			h.Name += "/"
		case tar.TypeSymlink:
			h.Linkname = e.src
		default:
			var err error
			if data, err = os.ReadFile(e.src); err != nil {
				return nil, err
			}
			h.Size = int64(len(data))
		}
		if err := tw.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("/%s: %w", n, err)
		}
		if _, err := tw.Write(data); err != nil {
			return nil, fmt.Errorf("/%s: %w", n, err)
		}
	}
	err := tw.Close()
	return buf.Bytes(), err
}

// tarMode turns Go's mode bits, or plain octal ones from the command line, into those of tar.
func tarMode(m fs.FileMode) int64 {
	bits := int64(m & 0o7777)
	for flag, bit := range map[fs.FileMode]int64{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if m&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

func isDir(name string) bool {
	fi, err := os.Stat(name)
	return err == nil && fi.IsDir()
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func blobName(b []byte) string { return "blobs/sha256/" + strings.TrimPrefix(digestOf(b), "sha256:") }

func describe(mediaType string, b []byte) ociDescriptor {
	return ociDescriptor{MediaType: mediaType, Digest: digestOf(b), Size: len(b)}
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // the types below always marshal
	}
	return b
}
