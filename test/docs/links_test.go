// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/yuin/goldmark/ast"
)

// TestLinks follows each link to a file of the repository, and to a heading in it.
func TestLinks(t *testing.T) {
	all := pages(t)
	for name, p := range all {
		follow := func(destination []byte) {
			link, err := url.Parse(string(destination))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				return
			}
			if link.IsAbs() || link.Host != "" {
				return
			}
			target := name
			if link.Path != "" {
				target = filepath.Join(filepath.Dir(name), link.Path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil || strings.HasPrefix(target, "..") {
				t.Errorf("%s links to %s, which is not there", name, destination)
				return
			}
			if link.Fragment != "" && !all[target].anchors()[link.Fragment] {
				t.Errorf("%s links to %s, but %s has no such heading", name, destination, target)
			}
		}
		nodes(p, func(link *ast.Link) { follow(link.Destination) })
		nodes(p, func(image *ast.Image) { follow(image.Destination) })
	}
}

// TestEveryPageIsInTheIndex keeps pages from being forgotten.
func TestEveryPageIsInTheIndex(t *testing.T) {
	all := pages(t)
	linked := map[string]bool{"docs/README.md": true}
	nodes(all["docs/README.md"], func(link *ast.Link) {
		path, _, _ := strings.Cut(string(link.Destination), "#")
		linked[filepath.Join("docs", path)] = true
	})
	for name := range all {
		if strings.HasPrefix(name, "docs/") && !linked[name] {
			t.Errorf("docs/README.md has no link to %s", name)
		}
	}
}
