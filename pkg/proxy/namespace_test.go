// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

// namespace is a network namespace that lives as long as the test.
type namespace struct {
	t  *testing.T
	fd int
}

// newNamespace skips the test where namespaces cannot be made.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces and write nftables rules in them")
	}
	for program, debianPackage := range map[string]string{"ip": "iproute2", "curl": "curl", "setpriv": "util-linux"} {
		peer.Need(t, program, debianPackage)
	}
	n := &namespace{t: t, fd: -1}
	var err error
	thread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err == nil {
			n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
	})
	if err != nil {
		t.Skipf("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces: %v", err)
	}
	t.Cleanup(func() { unix.Close(n.fd) })
	n.run("ip", "link", "set", "lo", "up")
	return n
}

// thread runs do on an OS thread of its own, which ends with it.
func thread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread is not used for anything else
		do()
	}()
	<-done
}

// do runs something with the namespace's network. Sockets and processes that it makes stay there.
func (n *namespace) do(do func()) {
	n.t.Helper()
	var err error
	thread(func() {
		if err = unix.Setns(n.fd, unix.CLONE_NEWNET); err == nil {
			do()
		}
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// try runs a command and returns what it printed.
func (n *namespace) try(name string, args ...string) (string, error) {
	var out []byte
	var err error
	n.do(func() { out, err = exec.Command(name, args...).CombinedOutput() })
	return string(out), err
}

func (n *namespace) run(name string, args ...string) {
	n.t.Helper()
	if out, err := n.try(name, args...); err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func (n *namespace) listen(address string) *net.TCPListener {
	n.t.Helper()
	var listener net.Listener
	var err error
	n.do(func() {
		config := net.ListenConfig{}
		listener, err = config.Listen(context.Background(), "tcp", address)
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { listener.Close() })
	return listener.(*net.TCPListener)
}

// start runs the proxy as its user until the test ends, and waits until it is ready.
func (n *namespace) start(binary string, env []string, args ...string) {
	n.t.Helper()
	command := n.launch(binary, env, args...)
	n.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			n.t.Errorf("the proxy ended with %v", err)
		}
	})
}

// launch runs the proxy as its user, waits until it is ready, and leaves its end to the test.
func (n *namespace) launch(binary string, env []string, args ...string) *exec.Cmd {
	n.t.Helper()
	command := exec.Command(binary, args...)
	command.Env = env
	command.Stderr = n.t.Output()
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: wiring.ProxyUID, Gid: wiring.ProxyUID}}
	var err error
	n.do(func() { err = command.Start() })
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = command.Process.Kill() }) // if it runs still
	url := fmt.Sprintf("http://127.0.0.1:%d/readyz", wiring.ProxyAdminPort)
	eventually(n.t, "the proxy to be ready", func() bool {
		_, err := n.try("curl", "-sf", "--max-time", "1", url)
		return err == nil
	})
	return command
}

// newPod returns a pod (10.99.0.2, fd99::2) and the network that it is connected to (10.99.0.1, fd99::1).
func newPod(t *testing.T) (pod, outside *namespace) {
	t.Helper()
	pod, outside = newNamespace(t), newNamespace(t)
	pod.run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), outside.fd))
	for i, n := range []*namespace{outside, pod} {
		n.run("ip", "addr", "add", fmt.Sprintf("10.99.0.%d/24", i+1), "dev", "eth0")
		n.run("ip", "addr", "add", fmt.Sprintf("fd99::%d/64", i+1), "dev", "eth0", "nodad")
		n.run("ip", "link", "set", "eth0", "up")
	}
	pod.run("ip", "route", "add", "default", "via", "10.99.0.1")
	pod.run("ip", "-6", "route", "add", "default", "via", "fd99::1")
	return pod, outside
}

// initialize runs "restage-proxy init" with the one capability that its container has.
func (n *namespace) initialize(binary string, args ...string) {
	n.t.Helper()
	n.run("setpriv", append([]string{"--bounding-set=-all,+net_admin", "--inh-caps=-all,+net_admin", "--no-new-privs", binary, "init"}, args...)...)
}

func buildProxy(t *testing.T) string {
	t.Helper()
	return build(t, "restage-proxy", "github.com/restage-dev/restage/cmd/restage-proxy")
}

func build(t *testing.T, name, path string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", binary, path)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	reachable(t, filepath.Dir(binary))
	return binary
}

// reachable lets the proxy's user come to a directory.
func reachable(t *testing.T, dir string) {
	t.Helper()
	for ; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// sniff returns a function that gives the next packet which arrives at an interface, from its network header on, and its EtherType.
func (n *namespace) sniff(device string) func() (packet []byte, kind uint16, ok bool) {
	n.t.Helper()
	var fd int
	var err error
	n.do(func() {
		var link *net.Interface
		if link, err = net.InterfaceByName(device); err != nil {
			return
		}
		all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8) // in network order
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(all)); err != nil {
			return
		}
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index})
	})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { unix.Close(fd) })
	return func() ([]byte, uint16, bool) {
		buffer := make([]byte, 2048)
		for {
			size, from, err := unix.Recvfrom(fd, buffer, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return nil, 0, false
			}
			link, ok := from.(*unix.SockaddrLinklayer)
			if !ok || link.Pkttype == unix.PACKET_OUTGOING {
				continue // from this side
			}
			return buffer[:size], link.Protocol<<8 | link.Protocol>>8, true
		}
	}
}

// quick bounds what is expected to get nowhere.
const quick = 2 * time.Second
