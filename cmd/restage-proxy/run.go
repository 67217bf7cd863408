// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/proxy"
	"github.com/restage-dev/restage/pkg/proxy/isolate"
	"github.com/restage-dev/restage/pkg/proxy/recorder"
	"github.com/restage-dev/restage/pkg/wiring"
)

const mebibyte = 1 << 20

// runFlags are the flags of both modes.
type runFlags struct {
	workload, settings, forwarder, caFile, redactionKey, descriptorSet, tlsDir, trustDir, responder, control, tokenFile, interception, ownPorts, portSwaps string
	teeMemory, bufferMemory                                                                                                                                int64
}

func runCommand(ctx context.Context, args []string, out io.Writer, log *slog.Logger) error {
	var f runFlags
	flags := pflag.NewFlagSet("restage-proxy run", pflag.ContinueOnError)
	flags.SetOutput(out)
	flags.StringVar(&f.workload, "workload", "", "Isolate: name of the workload")
	flags.StringVar(&f.tokenFile, "token-file", "", "file with the bearer token for the forwarder (default "+
		wiring.ForwarderToken+") or with the environment's (default "+wiring.EnvironmentToken+")")
	flags.StringVar(&f.settings, "settings", "", "Capture: what the capture wants, as JSON")
	flags.StringVar(&f.forwarder, "forwarder", "", "Capture: host:port of the forwarder")
	flags.StringVar(&f.caFile, "ca-file", wiring.ForwarderCA, "Capture: file with the CA of the forwarder's certificate")
	flags.StringVar(&f.redactionKey, "redaction-key", wiring.RedactionKey, "Capture: file with the key of redaction tokens")
	flags.StringVar(&f.descriptorSet, "descriptor-set", wiring.DescriptorSet, "Capture: file with the types of gRPC messages, where the capture names them")
	flags.StringVar(&f.tlsDir, "tls-dir", wiring.TLSDir, "Capture: directory with the CA and the certificates for TLS that is read")
	flags.StringVar(&f.trustDir, "trust-dir", wiring.TrustDir, "directory that gets whom the workload is to trust, where TLS is read")
	flags.Int64Var(&f.teeMemory, "tee-memory", 16*mebibyte, "Capture: bytes of traffic that may wait for their parser")
	flags.Int64Var(&f.bufferMemory, "buffer-memory", 32*mebibyte, "Capture: bytes of records that may wait for the forwarder")
	flags.StringVar(&f.responder, "responder", "", "Isolate: ip:port of the responder's tunnel")
	flags.StringVar(&f.control, "control", "", "Isolate: ip:port of the responder's control API")
	flags.StringVar(&f.interception, "interception", wiring.InterceptionRedirect, interceptionUsage)
	flags.StringVar(&f.ownPorts, "own-ports", "", "Isolate: TCP ports that the workload listens on, separated by commas; only with --interception=Explicit")
	flags.StringVar(&f.portSwaps, "port-swaps", "", "Isolate: PORT=TO,...: the proxy takes calls to PORT of the pod, and the workload listens on TO; only with --interception=Explicit")
	mode, err := parse(flags, args, map[string][]string{
		modeCapture: {"settings", "forwarder", "ca-file", "redaction-key", "descriptor-set", "tls-dir", "tee-memory", "buffer-memory"},
		modeIsolate: {"workload", "responder", "control", "interception", "own-ports", "port-swaps"},
	})
	if err != nil {
		return err
	}
	for flag, value := range map[string]string{"own-ports": f.ownPorts, "port-swaps": f.portSwaps} {
		if value != "" && f.interception != wiring.InterceptionExplicit {
			return fmt.Errorf("--%s: allowed only with --interception=%s", flag, wiring.InterceptionExplicit)
		}
	}
	if mode == modeIsolate {
		return f.isolate(ctx, log)
	}
	return f.capture(ctx, log)
}

func (f *runFlags) capture(ctx context.Context, log *slog.Logger) error {
	settings, err := wiring.ParseCaptureSettings(f.settings)
	if err != nil {
		return fmt.Errorf("--settings: %w", err)
	}
	if _, _, err := net.SplitHostPort(f.forwarder); err != nil {
		return fmt.Errorf("--forwarder: %q is not host:port", f.forwarder)
	}
	if err := errors.Join(
		checkRange("tee-memory", f.teeMemory, mebibyte, 1024*mebibyte),
		checkRange("buffer-memory", f.bufferMemory, 4*mebibyte, 1024*mebibyte),
	); err != nil {
		return err
	}
	if onNode() {
		log.Error("The pod has the network of its node, where the proxy takes no traffic; the pod runs unrecorded")
		return proxy.Idle(ctx, os.Getenv("POD_IP"), log)
	}
	return proxy.RunCapture(ctx, proxy.CaptureConfig{
		Settings:     settings,
		Forwarder:    recorder.Forwarder{Address: f.forwarder, TokenFile: withDefault(f.tokenFile, wiring.ForwarderToken), CAFile: f.caFile},
		RedactionKey: f.redactionKey, DescriptorSet: f.descriptorSet,
		TLSDir:       f.tlsDir,
		TrustDir:     f.trustDir,
		TeeMemory:    f.teeMemory,
		BufferMemory: f.bufferMemory,
	}, log)
}

func (f *runFlags) isolate(ctx context.Context, log *slog.Logger) error {
	if f.workload == "" {
		return errors.New("--workload is needed")
	}
	responder, err := parseAddress("responder", f.responder)
	if err != nil {
		return err
	}
	control, err := parseAddress("control", f.control)
	if err != nil {
		return err
	}
	explicit, err := parseInterception(f.interception)
	if err != nil {
		return err
	}
	ports, err := parsePorts("own-ports", f.ownPorts)
	if err != nil {
		return err
	}
	swaps, err := parseSwaps(f.portSwaps)
	if err != nil {
		return err
	}
	pod := os.Getenv("POD_NAME")
	if pod == "" {
		return errors.New("environment variable POD_NAME is needed")
	}
	dns := []string{proxy.ExplicitDNS}
	if !explicit {
		dns = proxy.DNSAddresses(log)
	}
	search, err := isolate.SearchDomains("/etc/resolv.conf")
	if err != nil {
		log.Warn("The pod's search domains are unknown, only names asked for in full are answered", "err", err)
	}
	return proxy.RunIsolate(ctx, proxy.IsolateConfig{
		Settings: isolate.Settings{
			Pod: pod, PodIP: os.Getenv("POD_IP"), Workload: f.workload, Responder: responder, Control: control,
			TokenFile: withDefault(f.tokenFile, wiring.EnvironmentToken), SearchDomains: search,
			TrustDir: f.trustDir, Explicit: explicit, OwnPorts: ports,
		},
		DNS: dns, PortSwaps: swaps,
	}, log)
}

func withDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
