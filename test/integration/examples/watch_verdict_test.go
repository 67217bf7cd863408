// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package examples builds the programs in examples/, as somebody outside the module would, and runs them against the API server.
package examples

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	replayclient "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

const namespace = "shop"

func TestWatchVerdict(t *testing.T) {
	server, err := testserver.Start(t.Context(), nil, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, front())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	}()
	client := server.Client.ReplayV1alpha1()
	snapshot := &v1alpha1.TrafficSnapshot{ObjectMeta: metav1.ObjectMeta{Name: "monday"}, Spec: v1alpha1.TrafficSnapshotSpec{
		WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}, Last: &metav1.Duration{Duration: time.Minute},
	}}
	if _, err := client.TrafficSnapshots(namespace).Create(t.Context(), snapshot, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	p := program{path: build(t, "watch-verdict"), kubeconfig: kubeconfig(t, server)}
	for name, test := range map[string]struct {
		passed metav1.ConditionStatus
		reason string
		code   int
		want   string
	}{
		"passes":   {metav1.ConditionTrue, "GoalsHold", 0, "passes: passed: that is how it ended (12 requests, 1 failed, 2 differing)"},
		"fails":    {metav1.ConditionFalse, "GoalsFailed", 1, "fails: failed: that is how it ended"},
		"does-not": {metav1.ConditionFalse, "EnvironmentFailed", 2, "does-not: could not run: that is how it ended"},
	} {
		t.Run(name, func(t *testing.T) {
			running := p.start(t, "--snapshot=monday", "--name="+name, "--workload=front", "--image=front:2")
			running.awaitLine(t, name+": waiting to be taken up")
			setStatus(t, client.TrafficReplays(namespace), name, func(status *v1alpha1.TrafficReplayStatus) {
				status.Progress = &v1alpha1.ReplayProgress{Sent: 6, Total: 12, Percent: 50}
			})
			running.awaitLine(t, name+": 50%, 6 of 12 requests")
			setStatus(t, client.TrafficReplays(namespace), name, func(status *v1alpha1.TrafficReplayStatus) {
				status.Summary = &v1alpha1.ReplaySummary{Requests: 12, Failed: 1, Differing: 2}
				status.Conditions = []metav1.Condition{
					ended(v1alpha1.ReplayComplete, metav1.ConditionTrue, test.reason), ended(v1alpha1.ReplayPassed, test.passed, test.reason),
				}
			})
			if code := running.exitCode(t); code != test.code || !strings.Contains(running.out.String(), test.want) {
				t.Errorf("exit code %d, want %d; output %q, want %q", code, test.code, running.out.String(), test.want)
			}
		})
	}
	t.Run("refused", func(t *testing.T) {
		running := p.start(t, "--snapshot=never", "--name=refused")
		code, out := running.exitCode(t), running.out.String()
		if code != 2 || !strings.Contains(out, `spec.snapshotName: Not found: "never"`) {
			t.Errorf("exit code %d, output %q", code, out)
		}
	})
}

func front() *appsv1.Deployment {
	labels := map[string]string{"app": "front"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "front"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "front:1"}}},
			},
		},
	}
}

// build compiles an example in its own module.
func build(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	command := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".")
	command.Dir = filepath.Join("../../../examples", name)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return path
}

func kubeconfig(t *testing.T, server *testserver.Server) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{
		Server: server.Config.Host, CertificateAuthorityData: server.Config.CAData, TLSServerName: server.Config.ServerName,
	}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", Namespace: namespace}
	config.CurrentContext = "c"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// setStatus does what the controller does.
func setStatus(t *testing.T, replays replayclient.TrafficReplayInterface, name string, change func(*v1alpha1.TrafficReplayStatus)) {
	t.Helper()
	replay, err := replays.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	change(&replay.Status)
	if _, err := replays.UpdateStatus(t.Context(), replay, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func ended(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "that is how it ended", LastTransitionTime: metav1.Now()}
}
