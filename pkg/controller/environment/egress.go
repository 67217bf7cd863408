// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	egressTimeout = 3 * time.Second
	longestStats  = 4 << 20 // bytes
)

// Egress reads from responders what the proxies of their environments have counted.
type Egress struct {
	kube kubernetes.Interface
	http *http.Client
}

// NewEgress returns a reader that connects by dial; nil is the usual way.
func NewEgress(kube kubernetes.Interface, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Egress {
	return &Egress{kube: kube, http: &http.Client{
		// Neither a proxy from the environment nor a redirect may lead the token elsewhere.
		Transport:     &http.Transport{Proxy: nil, DialContext: dial, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       egressTimeout,
	}}
}

// Read returns the sums over all proxies that have reported to the environment's responder.
func (e *Egress) Read(ctx context.Context, environment *v1alpha1.Environment) (*v1alpha1.EgressCounts, error) {
	host, _, err := net.SplitHostPort(environment.Status.ResponderAddress)
	if err != nil {
		return nil, fmt.Errorf("address of the responder: %w", err)
	}
	link, err := e.kube.CoreV1().Secrets(environment.Namespace).Get(ctx, injection.LinkName(environment.Name), metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("reading the token of the responder: %w", err)
	}
	url := "http://" + net.JoinHostPort(host, strconv.Itoa(wiring.ResponderControlPort)) + "/v1/stats"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+string(link.Data["token"]))
	response, err := e.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the responder for its counters: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("asking the responder for its counters: status %d", response.StatusCode)
	}
	return sum(io.LimitReader(response.Body, longestStats))
}

// sum adds up the counters of the proxies in the answer of GET /v1/stats.
func sum(answer io.Reader) (*v1alpha1.EgressCounts, error) {
	var stats struct {
		Proxies  []struct{ Attempted, Answered, Refused, Dropped int64 }
		Internal int64
	}
	if err := json.NewDecoder(answer).Decode(&stats); err != nil {
		return nil, fmt.Errorf("reading the responder's counters: %w", err)
	}
	total := &v1alpha1.EgressCounts{Internal: stats.Internal}
	for _, p := range stats.Proxies {
		total.Attempted += p.Attempted
		total.Answered += p.Answered
		total.Refused += p.Refused
		total.Dropped += p.Dropped
	}
	total.Escaped = total.Attempted - total.Answered - total.Refused
	return total, nil
}
