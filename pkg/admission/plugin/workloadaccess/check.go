// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workloadaccess

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/restage-dev/restage/pkg/admission/memo"
	"github.com/restage-dev/restage/pkg/admission/refusal"
)

const (
	// maxNames is the number of objects of one kind up to which each is asked for by its name. Whoever needs more must have the
	// right to all of them, so that no object makes us ask without end.
	maxNames = 32
	// parallel is the number of questions that are asked of the host at once for one request.
	parallel = 8
)

// missing returns those of the needs that the caller has no right to, in their order.
func (p *Plugin) missing(ctx context.Context, caller user.Info, needs []need) ([]need, error) {
	needs = distinct(needs)
	allowed := make([]bool, len(needs))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, n := range needs {
		group.Go(func() (err error) {
			allowed[i], err = p.allowed(ctx, caller, n.right)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var missing []need
	for i, n := range needs {
		if !allowed[i] {
			missing = append(missing, n)
		}
	}
	return missing, nil
}

// allowed tells whether the caller has a right. It is asked once a request, since both phases need what an object says itself.
func (p *Plugin) allowed(ctx context.Context, caller user.Info, r right) (bool, error) {
	return memo.Read(ctx, fmt.Sprint(r), func() (bool, error) {
		decision, _, err := p.authorizer.Authorize(ctx, r.of(caller))
		if decision == authorizer.DecisionAllow {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("asking whether the caller may %s %s: %w", r.verb, r.resource, err)
		}
		return false, nil
	})
}

// distinct returns each right once, with the first field that needs it. An object that lacks a name is refused by validation.
func distinct(needs []need) (once []need) {
	needs = slices.DeleteFunc(slices.Clone(needs), func(n need) bool { return n.name == "" && n.verb != "create" })
	names := map[right]map[string]bool{}
	for _, n := range needs {
		if all := n.all(); names[all] == nil {
			names[all] = map[string]bool{}
		}
		names[n.all()][n.name] = true
	}
	seen := map[right]bool{}
	for _, n := range needs {
		if len(names[n.all()]) > maxNames {
			n.right = n.all()
		}
		if !seen[n.right] {
			seen[n.right] = true
			once = append(once, n)
		}
	}
	return once
}

// all is the same right to every object of the kind.
func (r right) all() right {
	r.name = ""
	return r
}

// forbidden names every missing right, and the field that needs it.
func forbidden(a admission.Attributes, missing []need) error {
	caller := ""
	if info := a.GetUserInfo(); info != nil {
		caller = info.GetName()
	}
	causes := make([]refusal.Cause, len(missing))
	for i, n := range missing {
		causes[i] = refusal.Cause{Path: n.path, Text: n.denied(caller)}
	}
	return refusal.Forbidden(a, causes)
}
