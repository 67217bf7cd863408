// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package check finds out whether a cluster can run Restage, and whether the Restage that it runs is well. Each check gives
// verdicts with a reason and the command that mends what is wrong.
package check

import (
	"context"
	"fmt"
)

// Verdict of a check.
type Verdict string

// Verdicts.
const (
	OK      Verdict = "OK"
	Warning Verdict = "Warning" // it works, and something will surprise
	Failed  Verdict = "Failed"
	Skipped Verdict = "Skipped" // it makes no sense, since something else failed or was not asked for
	Unknown Verdict = "Unknown" // it could not be found out
)

// Finding is what a check has to say. A check has one or more.
type Finding struct {
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`
	// Fix is the command that mends it, or what else to do.
	Fix string `json:"fix,omitempty"`
}

// Result is a finding with the name of its check.
type Result struct {
	Check string `json:"check"`
	Finding
}

// When a check makes sense.
type When int

// Times.
const (
	Always When = iota
	BeforeInstalling
	AfterInstalling
)

// Check is one of the things that are looked at.
type Check struct {
	Name string
	When When
	// Needs are names of checks before it; when one of them has failed this one is skipped.
	Needs []string
	// Run returns at least one finding. An error says why it could not be found out.
	Run func(context.Context, *Cluster) ([]Finding, error)
}

// All checks, in the order in which they run. Later ones need earlier ones.
func All() []Check {
	return []Check{
		{Name: "kubernetes", Run: kubernetesVersion},
		{Name: "aggregation", Needs: []string{"kubernetes"}, Run: aggregationLayer},
		{Name: "permissions to install", When: BeforeInstalling, Needs: []string{"kubernetes"}, Run: installerPermissions},
		{Name: "versions", When: AfterInstalling, Run: versions},
		{Name: "service accounts", When: AfterInstalling, Run: accountPermissions},
		{Name: "image pull secrets", When: AfterInstalling, Run: pullSecrets},
		{Name: "volumes", When: AfterInstalling, Run: claims},
		{Name: "server", When: AfterInstalling, Run: serverRuns},
		{Name: "controller", When: AfterInstalling, Run: controllerRuns},
		{Name: "lease", When: AfterInstalling, Needs: []string{"controller"}, Run: leaseHeld},
		{Name: "storage", When: AfterInstalling, Run: storageTakesWrites},
		{Name: "forwarder", When: AfterInstalling, Needs: []string{"storage"}, Run: forwarderRuns},
		{Name: "server certificate", When: AfterInstalling, Needs: []string{"server"}, Run: serverCertificate},
		{Name: "forwarder certificate", When: AfterInstalling, Needs: []string{"storage", "forwarder"}, Run: forwarderCertificate},
		{Name: "registration", When: AfterInstalling, Run: registration},
		{Name: "monitoring", Run: monitoring},
		{Name: "pod security", Run: podSecurity},
		{Name: "mesh", Run: meshes},
		{Name: "injection", Needs: []string{"kubernetes"}, Run: injectionPossible},
		{Name: "pods", When: AfterInstalling, Run: injectedPods},
		{Name: "captures", When: AfterInstalling, Needs: []string{"registration"}, Run: captures},
		{Name: "redirect rules", Needs: []string{"kubernetes"}, Run: redirectRules},
		{Name: "cluster DNS", Needs: []string{"kubernetes"}, Run: clusterDNS},
		{Name: "leftovers", Run: leftovers},
	}
}

// Run runs those of the checks that make sense on the cluster, one after another, and reports each finding as it comes.
func Run(ctx context.Context, c *Cluster, checks []Check, report func(Result)) {
	stage := BeforeInstalling
	if c.Installed() {
		stage = AfterInstalling
	}
	failed := map[string]bool{}
	for _, check := range checks {
		if check.When != Always && check.When != stage {
			continue
		}
		for _, finding := range runOne(ctx, c, check, failed) {
			if finding.Verdict == Failed || finding.Verdict == Unknown {
				failed[check.Name] = true
			}
			report(Result{check.Name, finding})
		}
	}
}

func runOne(ctx context.Context, c *Cluster, check Check, failed map[string]bool) []Finding {
	for _, need := range check.Needs {
		if failed[need] {
			return []Finding{{Verdict: Skipped, Reason: fmt.Sprintf("needs %q, which failed", need)}}
		}
	}
	findings, err := check.Run(ctx, c)
	if err != nil {
		findings = append(findings, Finding{Verdict: Unknown, Reason: err.Error()})
	}
	return findings
}

func ok(format string, args ...any) []Finding {
	return []Finding{{Verdict: OK, Reason: fmt.Sprintf(format, args...)}}
}

func skipped(format string, args ...any) []Finding {
	return []Finding{{Verdict: Skipped, Reason: fmt.Sprintf(format, args...)}}
}

func warning(fix, format string, args ...any) Finding {
	return Finding{Verdict: Warning, Reason: fmt.Sprintf(format, args...), Fix: fix}
}

func failure(fix, format string, args ...any) Finding {
	return Finding{Verdict: Failed, Reason: fmt.Sprintf(format, args...), Fix: fix}
}

// orOK returns the findings or, when there are none, that all is well.
func orOK(findings []Finding, format string, args ...any) []Finding {
	if len(findings) == 0 {
		return ok(format, args...)
	}
	return findings
}
