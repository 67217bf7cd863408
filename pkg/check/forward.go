// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// forwardTimeout bounds the way to a port of a pod and what is asked there.
const forwardTimeout = 10 * time.Second

// forward opens a loopback address that leads to a port of a pod, as kubectl port-forward does: through the kubelet, so that no
// firewall and no network policy in between has a say.
func (c *Cluster) forward(ctx context.Context, namespace, pod string, port int) (address string, stop func(), err error) {
	dialer, err := c.forwardDialer(namespace, pod)
	if err != nil {
		return "", nil, err
	}
	// What goes wrong is told by the request that uses the port, and not in a log.
	open, stop := context.WithCancel(klog.NewContext(ctx, logr.Discard()))
	ready := make(chan struct{})
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(open, dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(port)}, ready, io.Discard, io.Discard)
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, err)
	}
	failed := make(chan error, 1)
	go func() { failed <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err = <-failed:
	case <-time.After(forwardTimeout):
		err = fmt.Errorf("not within %v", forwardTimeout)
	case <-ctx.Done():
		err = ctx.Err()
	}
	var ports []portforward.ForwardedPort
	if err == nil {
		ports, err = forwarder.GetPorts()
	}
	if err != nil || len(ports) == 0 {
		stop()
		return "", nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, err)
	}
	return "127.0.0.1:" + strconv.Itoa(int(ports[0].Local)), stop, nil
}

// forwardDialer tries WebSockets first and SPDY after them, as kubectl does.
func (c *Cluster) forwardDialer(namespace, pod string) (httpstream.Dialer, error) {
	url := c.Kube.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	transport, upgrader, err := spdy.RoundTripperFor(c.Config)
	if err != nil {
		return nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, err)
	}
	old := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	tunnel, err := portforward.NewSPDYOverWebsocketDialerForStreaming(url, c.Config)
	if err != nil {
		return nil, fmt.Errorf("forwarding to pod %s/%s: %w", namespace, pod, err)
	}
	return portforward.NewFallbackDialerForStreaming(tunnel, old, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	}), nil
}
