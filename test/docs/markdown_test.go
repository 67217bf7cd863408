// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package docs tests that the pages agree with the code and with each other.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

const root = "../.."

// page is a parsed Markdown file.
type page struct {
	source   []byte
	document ast.Node
}

// pages returns all pages of the repository by their path below it.
func pages(t *testing.T) map[string]page {
	t.Helper()
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()
	all := map[string]page{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		all[name] = page{source, parser.Parse(text.NewReader(source))}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages were found", len(all))
	}
	return all
}

// nodes calls back for each node of a type in the page.
func nodes[T ast.Node](p page, visit func(T)) {
	_ = ast.Walk(p.document, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if of, ok := node.(T); ok && entering {
			visit(of)
		}
		return ast.WalkContinue, nil
	})
}

// plain is the text of a node without its mark-up.
func (p page) plain(node ast.Node) string {
	var b strings.Builder
	_ = ast.Walk(node, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if leaf, ok := node.(*ast.Text); ok && entering {
			b.Write(leaf.Value(p.source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// anchors are the fragments under which the headings of a page are found, as GitHub makes them.
func (p page) anchors() map[string]bool {
	anchors := map[string]bool{}
	nodes(p, func(heading *ast.Heading) {
		anchors[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, p.plain(heading))] = true
	})
	return anchors
}

// code returns the lines of all code blocks.
func (p page) code() []string {
	var lines []string
	add := func(block ast.Node) {
		for i := range block.Lines().Len() {
			line := block.Lines().At(i)
			lines = append(lines, strings.TrimRight(string(line.Value(p.source)), "\n"))
		}
	}
	nodes(p, func(block *ast.CodeBlock) { add(block) })
	nodes(p, func(block *ast.FencedCodeBlock) { add(block) })
	return lines
}
