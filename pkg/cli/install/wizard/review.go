// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/restage-dev/restage/artifacts"
	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/permissions"
)

// review shows everything that is applied and why each right is needed, and asks for consent.
func (w *wizard) review(ctx context.Context) (err error) {
	if w.objects, err = install.Render(w.options); err != nil {
		return err
	}
	grants, err := permissions.Of(w.objects, artifacts.Files)
	if err != nil {
		return err
	}
	plan, err := w.client.Plan(ctx, w.objects)
	if err != nil {
		return fmt.Errorf("trying what will be applied, without a change: %w", err)
	}
	w.showPermissions(grants)
	w.showObjects(plan)
	w.line()
	target := "the cluster"
	if w.context != "" {
		target = w.context
	}
	yes, err := w.confirm(ctx, fmt.Sprintf("Apply these %d objects to %s?", len(w.objects), target), false)
	if err == nil && !yes {
		w.showCommand()
		return errDeclined
	}
	return err
}

func (w *wizard) showObjects(plan []apply.Outcome) {
	w.heading("What will be applied", "By server-side apply. The cluster has been asked in a dry run and has no objection.")
	table := printers.GetNewTabWriter(w.out)
	fmt.Fprintln(table, "  KIND\tNAME\tNAMESPACE\tWILL BE")
	for i, object := range w.objects {
		fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", object.GetKind(), object.GetName(), object.GetNamespace(), plan[i])
	}
	_ = table.Flush() // as with every print to a terminal
}

// showPermissions shows the rights of each service account, and after them the roles for users.
func (w *wizard) showPermissions(grants []permissions.Grant) {
	w.heading("What Restage may do, and why", "Each right of each part. The parts are restage-apiserver, which serves the API, restage-controller, which works on "+
		"workloads, and restage-forwarder, which keeps what is recorded.")
	var accounts []string
	of := map[string][]permissions.Grant{}
	for _, grant := range grants {
		if of[grant.Account] == nil {
			accounts = append(accounts, grant.Account)
		}
		of[grant.Account] = append(of[grant.Account], grant)
	}
	for _, account := range accounts {
		if account == "" {
			continue
		}
		w.line()
		w.say(2, bold, account)
		for _, grant := range of[account] {
			w.showGrant(grant)
		}
	}
	if len(of[""]) == 0 {
		return
	}
	w.line()
	w.say(2, bold, "Roles for your users, which nobody has until they are bound or taken in by view, edit and admin")
	for _, grant := range of[""] {
		w.say(4, "", grant.Role)
		w.say(6, faint, grant.Why)
	}
}

func (w *wizard) showGrant(grant permissions.Grant) {
	where := "in the whole cluster"
	if grant.Namespace != "" {
		where = "in namespace " + grant.Namespace
	}
	w.say(4, "", grant.Role+", "+where)
	w.say(6, faint, grant.Why)
	why := ""
	for _, rule := range grant.Rules {
		if rule.Why != why {
			why = rule.Why
			w.say(6, faint, why)
		}
		w.item(8, strings.Join(rule.Verbs, ", ")+": "+rule.What())
	}
}
