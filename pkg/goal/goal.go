// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package goal compiles and evaluates the goals of a replay: CEL expressions over its summary.
package goal

import (
	"fmt"
	"reflect"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/utils/lru"
)

const (
	// maxExpression is the longest expression, in bytes.
	maxExpression = 4096
	// maxCost bounds one evaluation, in CEL's units: some hundred thousand elementary steps.
	maxCost = 100_000
	// maxKnown is the number of compiled expressions that are remembered.
	maxKnown = 256
	// variable is the one variable of an expression.
	variable = "summary"
)

// Goal is a compiled expression. It may be used by several goroutines at once.
type Goal struct {
	program  cel.Program
	constant bool
}

// The environment costs a millisecond to make and never changes.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(
		ext.NativeTypes(reflect.TypeFor[Summary](), ext.ParseStructTag("json")),
		cel.Variable(variable, cel.ObjectType("goal.Summary")),
		cel.CrossTypeNumericComparisons(true),
	)
})

// known are the expressions that were compiled last. The same goals come with every replay of a pipeline, and to compile one costs
// more than to store the replay.
var known = lru.New(maxKnown)

// Compile checks an expression. Syntax errors, names and fields that do not exist, and results that are not
// boolean are errors that say where and what.
func Compile(expression string) (*Goal, error) {
	if goal, ok := known.Get(expression); ok {
		return goal.(*Goal), nil
	}
	goal, err := compile(expression)
	if err != nil {
		return nil, err
	}
	known.Add(expression, goal)
	return goal, nil
}

func compile(expression string) (*Goal, error) {
	if len(expression) > maxExpression {
		return nil, fmt.Errorf("expression has %d bytes; at most %d are allowed", len(expression), maxExpression)
	}
	env, err := environment()
	if err != nil {
		return nil, fmt.Errorf("preparing expressions over %s: %w", variable, err)
	}
	ast, issues := env.Compile(expression)
	if err := issues.Err(); err != nil {
		return nil, err
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("expression is of type %s; it must be bool", ast.OutputType())
	}
	program, err := env.Program(ast, cel.CostLimit(maxCost))
	if err != nil {
		return nil, err
	}
	return &Goal{program: program, constant: !mentions(ast, variable)}, nil
}

// Eval tells whether the goal holds. It fails when the expression cannot be computed, for example
// on a division by zero or beyond the cost limit.
func (g *Goal) Eval(s Summary) (bool, error) {
	out, _, err := g.program.Eval(map[string]any{variable: s})
	if err != nil {
		return false, err
	}
	holds, ok := out.Value().(bool)
	if !ok {
		return false, fmt.Errorf("expression gave a %s instead of a bool", out.Type().TypeName())
	}
	return holds, nil
}
