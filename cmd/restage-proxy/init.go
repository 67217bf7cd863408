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
	"net/netip"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/proxy"
	"github.com/restage-dev/restage/pkg/wiring"
)

// networkPatience is enough for network plugins that learn of a pod only some seconds after it has started.
const networkPatience = 15 * time.Second

// initCommand writes the redirect rules. In capture mode only bad flags are an error.
func initCommand(ctx context.Context, args []string, out io.Writer, log *slog.Logger) error {
	flags := pflag.NewFlagSet("restage-proxy init", pflag.ContinueOnError)
	flags.SetOutput(out)
	portList := flags.String("ports", "", "inbound TCP ports to record, separated by commas")
	responder := flags.String("responder", "", "ip:port of the responder's tunnel")
	control := flags.String("control", "", "ip:port of the responder's control API")
	interception := flags.String("interception", wiring.InterceptionRedirect, interceptionUsage)
	canary := flags.String("canary", "", "ip:port that must not be reached, with --interception=Explicit (default the API server of the cluster)")
	patience := flags.Duration("patience", networkPatience, "time that the network has to put the pod behind its NetworkPolicies, with --interception=Explicit")
	output := flags.String("output", "/dev/termination-log", "file that gets the outcome, Held, Out or Untried, with --interception=Explicit")
	mode, err := parse(flags, args, map[string][]string{modeCapture: {"ports"}, modeIsolate: {"responder", "control", "interception", "canary", "patience", "output"}})
	if err != nil {
		return err
	}
	if mode == modeCapture {
		ports, err := parsePorts("ports", *portList)
		if err != nil {
			return err
		}
		if onNode() {
			log.Error("The pod has the network of its node, whose traffic is not redirected; the pod runs unrecorded")
			return nil
		}
		proxy.InitCapture(ports, log)
		return nil
	}
	tunnel, err := parseAddress("responder", *responder)
	if err != nil {
		return err
	}
	api, err := parseAddress("control", *control)
	if err != nil {
		return err
	}
	explicit, err := parseInterception(*interception)
	if err != nil {
		return err
	}
	if onNode() {
		return errors.New("the pod has the network of its node, which cannot be isolated: take hostNetwork off, or end the environment")
	}
	if explicit {
		return initExplicit(ctx, api, *canary, *patience, *output, log)
	}
	return proxy.InitIsolate(ctx, tunnel, api, log)
}

// initExplicit writes whether the network holds the pod back. That it does not is no error: the environment says so.
func initExplicit(ctx context.Context, control netip.AddrPort, canary string, patience time.Duration, output string, log *slog.Logger) error {
	outcome, err := tryCanary(ctx, control, canary, patience, log)
	if err != nil {
		return err
	}
	if err := os.WriteFile(output, []byte(outcome), 0o600); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return nil
}

// tryCanary takes addresses alone: names are answered by the proxy of the pod, which starts later, and one that is not answered would pass for
// a canary that is held back.
func tryCanary(ctx context.Context, control netip.AddrPort, canary string, patience time.Duration, log *slog.Logger) (outcome string, err error) {
	byDefault := canary == ""
	if byDefault {
		canary = net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	}
	address, err := parseAddress("canary", canary)
	if err != nil && byDefault {
		log.Warn("The pod is told no address of the API server, so nothing shows whether the network holds the pod back", "told", canary)
		return wiring.CanaryUntried, nil
	}
	if err != nil {
		return "", err
	}
	held, err := proxy.InitExplicit(ctx, control, address, patience, log)
	if err != nil {
		return "", err
	}
	if held {
		return wiring.CanaryHeld, nil
	}
	return wiring.CanaryOut, nil
}

// onNode tells whether the pod has the network of its node, because somebody has changed its template since the rules were put in: it has the
// address of its node then.
func onNode() bool {
	pod := os.Getenv("POD_IP")
	return pod != "" && pod == os.Getenv("HOST_IP")
}
