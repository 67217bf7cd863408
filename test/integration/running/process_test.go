// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

const startTimeout = 2 * time.Minute

// process is this binary, run as something else.
type process struct {
	*exec.Cmd
	output output
	ended  chan error
}

// output keeps what a process writes.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

// spawn starts a process that lasts at most as long as the test.
func spawn(t *testing.T, kind string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, args...), ended: make(chan error, 1)}
	p.Env = append(os.Environ(), processVariable+"="+kind)
	p.Stdout, p.Stderr = &p.output, &p.output
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.Wait() }()
	t.Cleanup(p.kill)
	return p
}

// kill is kill -9. It returns when the process is gone.
func (p *process) kill() {
	_ = p.Process.Kill()
	err := <-p.ended
	p.ended <- err
}

// terminate ends the process as the kubelet does, and returns its error.
func (p *process) terminate() error {
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(startTimeout):
		return errors.New("it does not end")
	}
}

// command runs restage-apiserver to its end.
func command(t *testing.T, args ...string) (string, error) {
	t.Helper()
	p := spawn(t, "command", args...)
	err := <-p.ended
	p.ended <- err
	return p.output.String(), err
}

// certificate is one for all: it signs itself, and proves servers and clients.
type certificate struct{ cert, key string }

// server is how a restage-apiserver is reached.
type server struct {
	certificate
	address string
	args    []string
	*process
}

// newServer chooses an address for a server with these flags.
func newServer(t *testing.T, cert certificate, args ...string) *server {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	return &server{certificate: cert, address: address, args: append([]string{
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--tls-cert-file=" + cert.cert, "--tls-private-key-file=" + cert.key,
		"--shutdown-delay-duration=1s",
	}, args...)}
}

// start runs the server and waits until it is ready.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.process = spawn(t, "server", s.args...)
	s.await(t, "/readyz", http.StatusOK)
}

// await waits until the server answers so.
func (s *server) await(t *testing.T, path string, status int) string {
	t.Helper()
	var last string
	eventually(t, "the answer of "+path, func() bool {
		select {
		case err := <-s.ended:
			s.ended <- err
			t.Fatalf("the server ended: %v\n%s", err, s.output.String())
		default:
		}
		code, body := s.get(t.Context(), path)
		last = body
		return code == status
	})
	return last
}

func (s *server) get(ctx context.Context, path string) (status int, body string) {
	client, err := rest.HTTPClientFor(s.config())
	if err != nil {
		return 0, err.Error()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.address+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, text.String()
}

func (s *server) config() *rest.Config {
	return &rest.Config{Host: "https://" + s.address, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAFile: s.cert}}
}

func (s *server) client(t *testing.T) versioned.Interface {
	t.Helper()
	client, err := versioned.NewForConfig(s.config())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// freeAddress is one on which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// shortDir is a directory whose name leaves room for a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "running")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(startTimeout)
	for tick := time.NewTicker(20 * time.Millisecond); ; {
		if holds() {
			tick.Stop()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, startTimeout)
		}
	}
}

// files are the names in a directory that match.
func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

func name(prefix string, number int) string { return fmt.Sprintf("%s-%05d", prefix, number) }
