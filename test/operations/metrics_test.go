// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package operations

import (
	"fmt"
	"strings"
	"testing"

	"github.com/restage-dev/restage/test/kube"
)

// Who has the role, and nobody else, reads the metrics. The levels of the cluster's own priority and fairness are among them.
func TestMetrics(t *testing.T) {
	install(t, "../../artifacts/dev")
	const binding = "e2e-restage-metrics"
	runs := 0
	scrape := func() string {
		runs++
		pod := fmt.Sprint("scraper-", runs)
		kube.Kubectl(t, "-n", namespace, "run", pod, "--restart=Never", "--image-pull-policy=IfNotPresent", "--image=localhost/restage/client:dev",
			"--command", "--", "/bin/sh", "-c", `curl -sSk -w '\nstatus %{http_code}\n' -H "Authorization: Bearer $(cat /var/run/secrets/kubernetes.io/serviceaccount/token)" https://restage-apiserver.restage-system.svc/metrics`)
		kube.Kubectl(t, "-n", namespace, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/"+pod, "--timeout=2m")
		return kube.Kubectl(t, "-n", namespace, "logs", pod)
	}
	if out := scrape(); !strings.Contains(out, "status 403") {
		t.Errorf("without the role: %.500s", out)
	}
	t.Cleanup(func() { kube.CleanUp(t, cleanUpTime, "delete", "clusterrolebinding", binding) })
	kube.Kubectl(t, "create", "clusterrolebinding", binding, "--clusterrole=restage-metrics-reader", "--serviceaccount="+namespace+":default")
	kube.Eventually(t, patience, "all metrics", func() (bool, string) {
		out := scrape()
		for _, want := range []string{
			"status 200", "apiserver_flowcontrol_nominal_limit_seats{priority_level=\"workload-low\"}",
			"restage_apiserver_backup_total{result=\"success\"} 1", "restage_apiserver_etcd_db_quota_bytes{", "restage_apiserver_etcd_alarm{type=\"NOSPACE\"} 0",
		} {
			if !strings.Contains(out, want) {
				return false, "missing " + want
			}
		}
		return true, ""
	})
}
