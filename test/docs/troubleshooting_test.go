// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	markdown "github.com/yuin/goldmark/ast"
)

var (
	// variable is what differs from one occurrence of a message to the next: <name> on the page, a verb in the source.
	variable = regexp.MustCompile(`"?<[^<>]+>"?`)
	verb     = regexp.MustCompile(`"?%[-+# 0]*(\[\d+\])?\d*(\.\d+)?[a-zA-Z]"?`)
)

const anything = "\x00"

// TestTroubleshooting looks for each message that heads a section in the string literals of the programs, so that the page cannot
// quote what nobody says any more.
func TestTroubleshooting(t *testing.T) {
	said := literals(t)
	p := pages(t)["docs/troubleshooting.md"]
	if p.document == nil {
		t.Fatal("docs/troubleshooting.md is not there")
	}
	quoted := 0
	nodes(p, func(heading *markdown.Heading) {
		if heading.Level < 3 {
			return
		}
		if _, code := heading.FirstChild().(*markdown.CodeSpan); !code || heading.ChildCount() != 1 {
			t.Errorf("the heading %q is no message", p.plain(heading))
			return
		}
		quoted++
		message := variable.ReplaceAllString(p.plain(heading), anything)
		for _, literal := range said {
			if strings.Contains(literal, message) {
				return
			}
		}
		t.Errorf("no program says %q", p.plain(heading))
	})
	if quoted < 10 {
		t.Errorf("only %d messages are quoted", quoted)
	}
}

// literals returns the strings in the source of the programs; those that are joined by + are one.
func literals(t *testing.T) []string {
	t.Helper()
	var all []string
	files := token.NewFileSet()
	for _, directory := range []string{"cmd", "pkg"} {
		err := filepath.WalkDir(filepath.Join(root, directory), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(entry.Name(), "zz_generated") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				expression, ok := node.(ast.Expr)
				if !ok {
					return true
				}
				text, ok := literal(expression)
				if ok {
					all = append(all, verb.ReplaceAllString(text, anything))
				}
				return !ok
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// literal returns the text of a string; what is joined to it and is none can be anything.
func literal(expression ast.Expr) (string, bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, leftOK := literal(e.X)
		right, rightOK := literal(e.Y)
		if !leftOK {
			left = "%v"
		}
		if !rightOK {
			right = "%v"
		}
		return left + right, leftOK || rightOK
	}
	return "", false
}
