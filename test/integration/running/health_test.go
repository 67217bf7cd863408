// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/exposition/expositiontest"
)

func TestProbesKnowEtcdAndInformers(t *testing.T) {
	cert := newCertificate(t)
	etcd := newEtcd(t, cert)
	backups := t.TempDir()
	s := newServer(t, cert, append(etcd.flags(), "--backup-url=file://"+backups)...)
	s.start(t)
	contains(t, s.await(t, "/readyz?verbose", http.StatusOK),
		"[+]etcd ok", "[+]etcd-readiness ok", "[+]informer-sync ok", "[+]shutdown ok", "[+]poststarthook/storage-object-count-tracker-hook ok")
	contains(t, s.await(t, "/livez?verbose", http.StatusOK), "[+]etcd ok", "[+]ping ok")

	profile := &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: "measured"}}
	if _, err := s.client(t).ReplayV1alpha1().ReplayProfiles(namespace).Create(t.Context(), profile, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is a backup", func() bool { return len(files(t, backups, "restage-*.db")) == 1 })
	for _, part := range []string{
		"\nrestage_apiserver_backup_total{result=\"success\"} 1\n", "\nrestage_apiserver_backup_last_success_timestamp_seconds 1",
		"\nrestage_apiserver_etcd_db_quota_bytes{endpoint=\"https://" + etcd.address + "\"} ", "\nrestage_apiserver_etcd_alarm{type=\"NOSPACE\"} 0\n",
		"\napiserver_storage_size_bytes{", "\napiserver_admission_controller_admission_duration_seconds_count{",
		"\napiserver_flowcontrol_", "\napiserver_request_duration_seconds_count{",
	} {
		eventually(t, "the metric "+part, func() bool {
			_, metrics := s.get(t.Context(), "/metrics")
			return strings.Contains(metrics, part)
		})
	}

	_, metrics := s.get(t.Context(), "/metrics")
	expositiontest.Check(t, []byte(metrics), "restage_apiserver_", []string{"restage_apiserver_etcd_defragmentations_total"}, "restage-apiserver")

	etcd.kill()
	contains(t, s.await(t, "/readyz?verbose", http.StatusInternalServerError), "[-]etcd failed", "[-]etcd-readiness failed")
	contains(t, s.await(t, "/livez?verbose", http.StatusInternalServerError), "[-]etcd failed")
	s.await(t, "/livez?exclude=etcd", http.StatusOK)
	etcd.start(t)
	s.await(t, "/readyz", http.StatusOK)
}
