// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package goal

import (
	"fmt"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
)

// IsConstant tells whether an expression, which must compile, never looks at the summary, so that it says the same of every replay.
func IsConstant(expression string) (bool, error) {
	env, err := environment()
	if err != nil {
		return false, fmt.Errorf("preparing expressions over %s: %w", variable, err)
	}
	parsed, issues := env.Parse(expression)
	if err := issues.Err(); err != nil {
		return false, err
	}
	return !mentions(parsed, variable), nil
}

func mentions(parsed *cel.Ast, name string) (found bool) {
	ast.PostOrderVisit(parsed.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		found = found || e.Kind() == ast.IdentKind && e.AsIdent() == name
	}))
	return found
}
