// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package goal

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
)

// IsConstant tells whether the goal never looks at the summary, so that it says the same of every replay.
func (g *Goal) IsConstant() bool { return g.constant }

func mentions(parsed *cel.Ast, name string) (found bool) {
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && e.AsIdent() == name
	}))
	return found
}
