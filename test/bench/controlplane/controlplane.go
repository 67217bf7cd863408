// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs etcd, kube-apiserver and behind it restage-apiserver as ordinary processes on loopback: all that
// measurements of the API need. There is no controller manager and no node. What it starts it ends.
package controlplane

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/keyutil"
)

const startTimeout = 3 * time.Minute

// Options say what runs.
type Options struct {
	// Kubernetes is the directory with the programs etcd and kube-apiserver.
	Kubernetes string
	// Restage is the path of restage-apiserver. StartHost does without.
	Restage string
	// WithoutFrontProxy runs kube-apiserver without the flags that let it prove to aggregated servers whose a request is.
	WithoutFrontProxy bool
	// Dir takes data, keys and logs. It is short, since a socket will be in it.
	Dir string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config is for the administrator, through kube-apiserver, who is asked for nothing: see AsUser.
	Config *rest.Config
	// Kubeconfig is a file with Config.
	Kubeconfig string
	CA         *CA

	Etcd, Kube, Restage *Process

	userCert, userKey string

	opts  Options
	ports ports

	restageCA []byte // what vouches for restage-apiserver's certificate
}

type ports struct{ etcd, etcdPeer, kube, restage int }

// New returns a control plane that does not run yet.
func New(opts Options) *ControlPlane {
	return &ControlPlane{opts: opts}
}

// step is a part of the start.
type step struct {
	name string
	do   func(context.Context) error
}

// Start starts everything and waits until it serves. What was started ends with the context, also after an error.
func (c *ControlPlane) Start(ctx context.Context) error {
	if err := c.StartHost(ctx); err != nil {
		return err
	}
	return c.start(ctx, []step{
		{"the rights of the user", c.empower}, {"restage-apiserver", c.startRestage}, {"the registration of the API", c.register},
	})
}

// StartHost starts etcd and kube-apiserver alone, as Start does.
func (c *ControlPlane) StartHost(ctx context.Context) error {
	for _, dir := range []string{"pki", "log", "etcd"} {
		if err := os.MkdirAll(c.path(dir), 0o700); err != nil {
			return err
		}
	}
	for _, port := range []*int{&c.ports.etcd, &c.ports.etcdPeer, &c.ports.kube, &c.ports.restage} {
		free, err := FreePort()
		if err != nil {
			return err
		}
		*port = free
	}
	return c.start(ctx, []step{{"etcd", c.startEtcd}, {"kube-apiserver", c.startKube}})
}

func (c *ControlPlane) start(ctx context.Context, steps []step) error {
	for _, step := range steps {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("starting %s: %w; logs are in %s", step.name, err, c.path("log"))
		}
	}
	return nil
}

// Servers are the processes whose work a request may be.
func (c *ControlPlane) Servers() []*Process {
	return []*Process{c.Etcd, c.Kube, c.Restage}
}

// Wait returns when everything has ended. The context must have ended before.
func (c *ControlPlane) Wait() {
	for _, process := range c.Servers() {
		if process != nil {
			<-process.Done()
		}
	}
}

func (c *ControlPlane) path(parts ...string) string {
	return filepath.Join(append([]string{c.opts.Dir}, parts...)...)
}

func (c *ControlPlane) startEtcd(ctx context.Context) (err error) {
	client, peer := loopback("http", c.ports.etcd), loopback("http", c.ports.etcdPeer)
	c.Etcd, err = Run(ctx, c.path("log", "etcd.log"), "etcd", filepath.Join(c.opts.Kubernetes, "etcd"),
		"--name=etcd", "--data-dir="+c.path("etcd"), "--log-level=warn",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=etcd="+peer)
	return err
}

func (c *ControlPlane) startKube(ctx context.Context) error {
	ca, err := newCA(c.path("pki"), "ca")
	if err != nil {
		return err
	}
	c.CA = ca
	serving, servingKey, err := ca.Issue("apiserver", pkix.Name{CommonName: "kube-apiserver"}, "kubernetes.default.svc")
	if err != nil {
		return err
	}
	accounts, err := c.accountKey()
	if err != nil {
		return err
	}
	if err := c.administrate(); err != nil {
		return err
	}
	args := []string{
		"--etcd-servers=" + loopback("http", c.ports.etcd), "--secure-port=" + strconv.Itoa(c.ports.kube),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none",
		"--tls-cert-file=" + serving, "--tls-private-key-file=" + servingKey, "--client-ca-file=" + c.path("pki", "ca.crt"),
		"--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=" + accounts,
		"--service-account-signing-key-file=" + accounts, "--disable-admission-plugins=ServiceAccount",
	}
	if !c.opts.WithoutFrontProxy {
		front, err := c.frontProxy()
		if err != nil {
			return err
		}
		args = append(args, front...)
	}
	c.Kube, err = Run(ctx, c.path("log", "kube-apiserver.log"), "kube-apiserver", filepath.Join(c.opts.Kubernetes, "kube-apiserver"), args...)
	if err != nil {
		return err
	}
	return c.ready(ctx, c.Config, c.Kube)
}

// frontProxy makes what kube-apiserver proves itself with, and returns the flags that say so.
func (c *ControlPlane) frontProxy() ([]string, error) {
	front, err := newCA(c.path("pki"), "front-proxy-ca")
	if err != nil {
		return nil, err
	}
	proxy, proxyKey, err := front.Issue("front-proxy", pkix.Name{CommonName: "front-proxy-client"})
	if err != nil {
		return nil, err
	}
	return []string{
		"--requestheader-client-ca-file=" + c.FrontProxyCA(), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + proxy, "--proxy-client-key-file=" + proxyKey,
	}, nil
}

// FrontProxyCA is the file with the CA of the certificate that kube-apiserver shows to aggregated servers.
func (c *ControlPlane) FrontProxyCA() string { return c.path("pki", "front-proxy-ca.crt") }

// accountKey makes the key that kube-apiserver insists on. Nobody here has a service account.
func (c *ControlPlane) accountKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", fmt.Errorf("making the key of service accounts: %w", err)
	}
	data, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return "", fmt.Errorf("encoding the key of service accounts: %w", err)
	}
	path := c.path("pki", "sa.key")
	return path, os.WriteFile(path, data, 0o600)
}

// administrate makes the clients of the administrator.
func (c *ControlPlane) administrate() error {
	cert, key, err := c.CA.Issue("admin", pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}})
	if err != nil {
		return err
	}
	ca := c.path("pki", "ca.crt")
	config := clientcmdapi.NewConfig()
	config.Clusters["bench"] = &clientcmdapi.Cluster{Server: loopback("https", c.ports.kube), CertificateAuthority: ca}
	config.AuthInfos["admin"] = &clientcmdapi.AuthInfo{ClientCertificate: cert, ClientKey: key}
	config.Contexts["bench"] = &clientcmdapi.Context{Cluster: "bench", AuthInfo: "admin"}
	config.CurrentContext = "bench"
	c.Kubeconfig = c.path("kubeconfig")
	if err := clientcmd.WriteToFile(*config, c.Kubeconfig); err != nil {
		return fmt.Errorf("writing the kubeconfig: %w", err)
	}
	if c.userCert, c.userKey, err = c.CA.Issue(User, pkix.Name{CommonName: User}); err != nil {
		return err
	}
	c.Config = &rest.Config{
		Host: loopback("https", c.ports.kube), QPS: -1,
		TLSClientConfig: rest.TLSClientConfig{CAFile: ca, CertFile: cert, KeyFile: key},
	}
	return nil
}

// ready waits until a server says that it is, or has ended.
func (c *ControlPlane) ready(ctx context.Context, config *rest.Config, process *Process) error {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", process.Name, ctx.Err())
		case <-process.Done():
			return errors.New(process.Name + " ended")
		case <-ticker.C:
		}
		response, err := client.Get(config.Host + "/readyz")
		if err != nil {
			continue
		}
		_ = response.Body.Close()
		if response.StatusCode == 200 {
			return nil
		}
	}
}

func loopback(scheme string, port int) string {
	return scheme + "://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// FreePort returns a port of loopback that nobody listens on.
func FreePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// AsUser returns a configuration of the administrator for the user, who may do everything by RBAC, so that it is asked whether he may.
func (c *ControlPlane) AsUser(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.CertFile, config.KeyFile = c.userCert, c.userKey
	return config
}

// OwnConnection returns the configuration of a client that shares its connection with no other.
func OwnConnection(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Dial = (&net.Dialer{}).DialContext // connections are shared among those who dial in the same way
	return config
}
