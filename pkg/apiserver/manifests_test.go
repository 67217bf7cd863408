// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const artifacts = "../../artifacts"

// variables are those of the manifests.
var variables = strings.NewReplacer("$(PROXY_IMAGE)", "restage/proxy:test", "$(ETCD_SERVERS)", "https://a:2379,https://b:2379",
	"$(INJECTION)", "workload", "$(IMAGE_PULL_POLICY)", "IfNotPresent", "$(IMAGE_PULL_SECRETS)", "", "$(WATCH_NAMESPACES)", "")

// decode finds the document of a kind in YAML.
func decode(t *testing.T, text, kind string, into any) {
	t.Helper()
	for document := range strings.SplitSeq(text, "\n---\n") {
		if strings.Contains(document, "\nkind: "+kind+"\n") {
			if err := yaml.Unmarshal([]byte(document), into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("there is no %s", kind)
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(artifacts, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func args(pod corev1.PodSpec) (expanded []string) {
	for _, arg := range pod.Containers[0].Args {
		expanded = append(expanded, variables.Replace(arg))
	}
	return expanded
}

// settings are the options of a server with these arguments.
func settings(t *testing.T, args []string) *Options {
	t.Helper()
	o := NewOptions()
	flags := pflag.NewFlagSet("restage-apiserver", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	return o
}

// The volume holds all that is written to it.
func TestServerOfTheManifests(t *testing.T) {
	text := read(t, "base/apiserver.yaml")
	var deployment appsv1.Deployment
	decode(t, text, "Deployment", &deployment)
	o := settings(t, args(deployment.Spec.Template.Spec))
	if !o.embedded() || !strings.HasPrefix(o.EmbeddedEtcd.DataDir, "/var/lib/restage/") || o.Backup.URL != "file:///var/lib/restage/backups" {
		t.Errorf("data in %s, backups in %s", o.EmbeddedEtcd.DataDir, o.Backup.URL)
	}
	var claim corev1.PersistentVolumeClaim
	decode(t, read(t, "base/storage.yaml"), "PersistentVolumeClaim", &claim)
	const log = 512 << 20
	need := 2*o.EmbeddedEtcd.QuotaBytes + log + int64(o.Backup.Keep)*o.EmbeddedEtcd.QuotaBytes
	if size := claim.Spec.Resources.Requests.Storage().Value(); size < need {
		t.Errorf("the volume has %d bytes of %d", size, need)
	}
	longest := o.ServerRun.ShutdownDelayDuration + o.ServerRun.RequestTimeout
	if grace := *deployment.Spec.Template.Spec.TerminationGracePeriodSeconds; float64(grace) <= longest.Seconds() {
		t.Errorf("the pod has %d s to end, the server takes up to %v", grace, longest)
	}
}

func TestServersOfTheHighAvailabilityOverlay(t *testing.T) {
	var kustomization struct {
		Patches []struct{ Patch string }
	}
	if err := yaml.Unmarshal([]byte(read(t, "components/ha/kustomization.yaml")), &kustomization); err != nil {
		t.Fatal(err)
	}
	for _, patch := range kustomization.Patches {
		if !strings.Contains(patch.Patch, "name: restage-apiserver") || !strings.Contains(patch.Patch, "kind: Deployment") {
			continue
		}
		var deployment appsv1.Deployment
		decode(t, "\n"+patch.Patch, "Deployment", &deployment)
		o := settings(t, args(deployment.Spec.Template.Spec))
		transport := o.Etcd.StorageConfig.Transport
		if o.embedded() || len(transport.ServerList) != 2 || transport.TrustedCAFile == "" || transport.CertFile == "" || transport.KeyFile == "" {
			t.Errorf("etcd %+v", transport)
		}
		// kube-apiserver answers 503 to a write that crosses a GOAWAY, so none is sent without need.
		if *deployment.Spec.Replicas < 2 || o.ServerRun.GoawayChance != 0 {
			t.Errorf("%d replicas, goaway chance %v", *deployment.Spec.Replicas, o.ServerRun.GoawayChance)
		}
		return
	}
	t.Fatal("there is no patch of the server")
}

func TestRestoreJob(t *testing.T) {
	var server appsv1.Deployment
	decode(t, read(t, "base/apiserver.yaml"), "Deployment", &server)
	var job batchv1.Job
	decode(t, read(t, "restore/restore.yaml"), "Job", &job)
	restore, rest, err := NewCommand(t.Context()).Find(args(job.Spec.Template.Spec))
	if err != nil || restore.Name() != "restore" {
		t.Fatalf("the command is %v, error %v", restore, err)
	}
	if err := restore.ParseFlags(rest); err != nil {
		t.Fatal(err)
	}
	o := settings(t, args(server.Spec.Template.Spec))
	if dir := restore.Flag("data-dir").Value.String(); dir != o.EmbeddedEtcd.DataDir {
		t.Errorf("it restores %s, the server uses %s", dir, o.EmbeddedEtcd.DataDir)
	}
	if from := restore.Flag("from").Value.String(); from != o.Backup.URL {
		t.Errorf("it restores from %s, the server backs up to %s", from, o.Backup.URL)
	}
}

func TestBadStorageSettingsAreNamed(t *testing.T) {
	for flag, want := range map[string]string{
		"--backup-url=/backups":          `--backup-url: "/backups" must be file:///directory or s3://bucket?region=name`,
		"--backup-interval=1s":           "--backup-interval: 1s must be at least 1m0s",
		"--backup-keep=0":                "--backup-keep: 0 must be at least 1",
		"--data-dir=":                    "--data-dir: a directory is required",
		"--data-quota-bytes=0":           "--data-quota-bytes: 0 must be positive",
		"--etcd-compaction-interval=0s":  "--etcd-compaction-interval: 0s must be positive without --etcd-servers",
		"--goaway-chance=1":              "--goaway-chance can not be",
		"--etcd-compaction-interval=-1s": "--etcd-compaction-interval: -1s must be positive",
	} {
		o := NewOptions()
		flags := pflag.NewFlagSet("restage-apiserver", pflag.ContinueOnError)
		o.AddFlags(flags)
		if err := flags.Parse([]string{flag}); err != nil {
			t.Fatal(err)
		}
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gave %v", flag, err)
		}
	}
}
