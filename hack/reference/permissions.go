// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/restage-dev/restage/artifacts"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/permissions"
)

const permissionsText = `Each right of a default installation, and why it is needed; the reasons are the comments of the manifests. ` + "`kubectl restage install --wizard`" + ` shows
the same for the options that you choose, and ` + "`kubectl restage check`" + ` compares it with what the service accounts may do.
With ` + "`--namespaces`" + ` the roles that end in ` + "`-workloads`" + ` and ` + "`-injection`" + ` are bound in these namespaces alone; without ` + "`--injection workload`" + ` the latter is not there.
With ` + "`--injection webhook`" + ` the controller may make and change the webhook configuration ` + "`restage-pod-injection`" + ` instead; with ` + "`policy`" + ` the admission policy of that name, the two beside it whose names begin with it, and their bindings.
`

// permissionsPage lists what an installation may do.
func permissionsPage(context.Context) (string, error) {
	objects, err := install.Render(install.Defaults())
	if err != nil {
		return "", err
	}
	grants, err := permissions.Of(objects, artifacts.Files)
	if err != nil {
		return "", err
	}
	var page strings.Builder
	page.WriteString(heading("What Restage may do", "the manifests in artifacts"))
	page.WriteString(permissionsText)
	for _, grant := range grants {
		grantSection(&page, grant)
	}
	return page.String(), nil
}

func grantSection(page *strings.Builder, grant permissions.Grant) {
	holder, where := "who it is bound to", "the whole cluster"
	if grant.Account != "" {
		holder = "service account `" + grant.Account + "`"
	}
	if grant.Namespace != "" {
		where = "namespace `" + grant.Namespace + "`"
	}
	fmt.Fprintf(page, "\n## %s\n\nFor %s, in %s.", grant.Role, holder, where)
	if grant.Why != "" {
		page.WriteString(" " + grant.Why)
	}
	page.WriteString("\n")
	if len(grant.Rules) == 0 {
		return
	}
	page.WriteString("\n| may | what | why |\n|---|---|---|\n")
	for _, rule := range grant.Rules {
		fmt.Fprintf(page, "| %s | `%s` | %s |\n", strings.Join(rule.Verbs, ", "), rule.What(), cell(rule.Why))
	}
}
