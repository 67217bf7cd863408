// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli"
)

// cliTimeout is how long a command may take in a test.
const cliTimeout = 2 * time.Minute

// plugin is kubectl restage with its streams, towards one server.
type plugin struct {
	kubeconfig string
	in         string
	out, err   buffer
}

// buffer is written by a command and read by a test at the same time.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

func newPlugin(t *testing.T) *plugin {
	t.Helper()
	return &plugin{kubeconfig: kubeconfigOf(t, server.Config)}
}

// kubeconfigOf writes a kubeconfig for a server.
func kubeconfigOf(t *testing.T, config *rest.Config) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	file := clientcmdapi.NewConfig()
	file.Clusters["test"] = &clientcmdapi.Cluster{
		Server: config.Host, CertificateAuthorityData: config.CAData, TLSServerName: config.ServerName, InsecureSkipTLSVerify: config.Insecure,
	}
	file.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", Namespace: namespace}
	file.CurrentContext = "test"
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs a command to its end and returns its exit code.
func (p *plugin) run(ctx context.Context, args ...string) int {
	return p.exact(ctx, append(args, "--kubeconfig", p.kubeconfig, "--cache-dir", filepath.Join(filepath.Dir(p.kubeconfig), "cache"))...)
}

// exact is run with nothing after the arguments.
func (p *plugin) exact(ctx context.Context, args ...string) int {
	ctx, cancel := context.WithTimeout(ctx, cliTimeout)
	defer cancel()
	return cli.Run(ctx, args, genericiooptions.IOStreams{In: strings.NewReader(p.in), Out: &p.out, ErrOut: &p.err})
}

// cliRun runs a command that must end with a code, and returns its standard output.
func cliRun(t *testing.T, code int, args ...string) string {
	t.Helper()
	p := newPlugin(t)
	if got := p.run(t.Context(), args...); got != code {
		t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, p.out.String(), p.err.String())
	}
	return p.out.String()
}

// cliFails runs a command that must end with code 2 and an error that has this text.
func cliFails(t *testing.T, want string, args ...string) {
	t.Helper()
	p := newPlugin(t)
	if code := p.run(t.Context(), args...); code != 2 || !strings.Contains(p.err.String(), want) {
		t.Errorf("%v: exit code %d, %q lacks %q", args, code, p.err.String(), want)
	}
}

// contains fails the test unless the text has all the parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// operate waits for a replay and changes its status as the operator does, one change after another.
func operate(t *testing.T, name string, steps ...func(*v1alpha1.TrafficReplay)) {
	t.Helper()
	c := client().TrafficReplays(namespace)
	deadline := time.Now().Add(cliTimeout)
	for _, step := range steps {
		for {
			replay, err := c.Get(t.Context(), name, metav1.GetOptions{})
			if err == nil {
				step(replay)
				if _, err = c.UpdateStatus(t.Context(), replay, metav1.UpdateOptions{}); err == nil {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Errorf("operating %s: %v", name, err)
				return
			}
			await(t, 20*time.Millisecond)
		}
	}
}

// await lets others go on for a moment.
func await(t *testing.T, moment time.Duration) {
	select {
	case <-t.Context().Done():
	case <-time.After(moment):
	}
}

func environmentIs(status metav1.ConditionStatus, message string) func(*v1alpha1.TrafficReplay) {
	return func(r *v1alpha1.TrafficReplay) {
		meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{Type: v1alpha1.ReplayEnvironmentReady, Status: status, Reason: "Test", Message: message})
	}
}

func runs(sent, total int64) func(*v1alpha1.TrafficReplay) {
	return func(r *v1alpha1.TrafficReplay) {
		meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{Type: v1alpha1.ReplayRunning, Status: metav1.ConditionTrue, Reason: "Replaying", Message: "the requests are being replayed"})
		r.Status.Progress = &v1alpha1.ReplayProgress{Sent: sent, Total: total, Percent: int32(100 * sent / total), Rate: 7}
	}
}

func ends(passed metav1.ConditionStatus, reason, message string) func(*v1alpha1.TrafficReplay) {
	return func(r *v1alpha1.TrafficReplay) {
		for kind, status := range map[string]metav1.ConditionStatus{
			v1alpha1.ReplayRunning: metav1.ConditionFalse, v1alpha1.ReplayComplete: metav1.ConditionTrue, v1alpha1.ReplayPassed: passed,
		} {
			meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message})
		}
		r.Status.Summary = &v1alpha1.ReplaySummary{Requests: 2, Differing: 1, Matches: v1alpha1.MatchSummary{Total: 3}, Goals: []v1alpha1.GoalResult{
			{Name: "NoFailures", Passed: true}, {Name: "NoDifferences", Message: message}, {Name: "Fast", Message: "goal Fast does not hold"},
		}}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
