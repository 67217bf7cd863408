// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// checked marks the custom resources that go through the webhook.
var checked = map[string]string{"checked": "true"}

// compareAdmission creates the same replay in five ways. The webhook runs all of our plugins that look at replays, as our server does. What the checks cost is the difference: for ours between two fresh
// servers, one with our plugins and one without, both reached directly; for the CRD between an object that a webhook checks and one that none does.
func (b *bench) compareAdmission(ctx context.Context) error {
	if err := b.startWebhook(ctx); err != nil {
		return err
	}
	checkedDirectly, err := b.serveApart(ctx, "restage-checked")
	if err != nil {
		return err
	}
	bareDirectly, err := b.serveApart(ctx, "restage-bare",
		"--disable-admission-plugins=DefaultEnvironmentClass,WorkloadAccess,SidecarInjection,ReferenceValidation,ReplayLimits")
	if err != nil {
		return err
	}
	results, err := b.alternate(ctx, 1,
		b.createReplay(b.raw, ours, "through", nil), b.createReplay(b.raw, twin, "checked", checked), b.createReplay(b.raw, twin, "plain", nil),
		b.createReplay(checkedDirectly, ours, "direct", nil), b.createReplay(bareDirectly, ours, "bare", nil))
	if err != nil {
		return fmt.Errorf("comparing admission: %w", err)
	}
	through, hooked, plain, direct, bare := results[0], results[1], results[2], results[3], results[4]
	b.out.head(ours.name, "CRD, webhook")
	b.out.row("create TrafficReplay with its checks", through, hooked)
	b.out.head(ours.name, "CRD, no webhook")
	b.out.row("create TrafficReplay, the CRD without checks", through, plain)
	b.out.line("\n| the checks alone | with | without | difference | CPU with | without | difference |\n|---|---|---|---|---|---|---|")
	inside := b.out.difference("in process", direct, bare)
	outside := b.out.difference("webhook", hooked, plain)
	b.out.line("| ratio | | | %s | | | %s |", ratio(inside.latency, outside.latency), ratio(inside.cpu, outside.cpu))
	return nil
}

// serveApart starts one more server of ours with all that replays refer to, and returns a client of the user that reaches it directly.
func (b *bench) serveApart(ctx context.Context, name string, args ...string) (*rest.RESTClient, error) {
	process, config, err := b.plane.ServeApart(ctx, name, args...)
	if err != nil {
		return nil, err
	}
	b.servers = append(b.servers, process)
	client, err := newRaw(b.plane.AsUser(config))
	if err != nil {
		return nil, err
	}
	return client, b.references(ctx, client, ours)
}

// cost is what one operation takes more than another.
type cost struct{ latency, cpu time.Duration }

func (o output) difference(name string, with, without *measured) cost {
	c := cost{with.quantile(0.5) - without.quantile(0.5), with.cpuEach() - without.cpuEach()}
	o.line("| %s | %s | %s | %s | %s | %s | %s |", name, short(with.quantile(0.5)), short(without.quantile(0.5)), short(c.latency),
		short(with.cpuEach()), short(without.cpuEach()), short(c.cpu))
	return c
}

func (b *bench) createReplay(c *rest.RESTClient, s side, prefix string, labels map[string]string) operation {
	return func(ctx context.Context, i int) error {
		body := s.encode("TrafficReplay", replay(fmt.Sprintf("%s-%d", prefix, i), labels))
		return s.create(ctx, c, "trafficreplays", body)
	}
}

// startWebhook runs the webhook as a process of its own, so that its processor time is counted, and has kube-apiserver ask it.
func (b *bench) startWebhook(ctx context.Context) error {
	certFile, keyFile, err := b.plane.CA.Issue("webhook", pkix.Name{CommonName: "webhook"})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	process, err := controlplane.Run(ctx, b.log("webhook"), "webhook", self, "webhook", b.plane.Kubeconfig, address, certFile, keyFile)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, process)
	client, err := kubernetes.NewForConfig(b.plane.Config)
	if err != nil {
		return err
	}
	if _, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(ctx, b.webhookConfiguration(address), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("registering the webhook: %w", err)
	}
	return b.webhookAnswers(ctx, process)
}

func (b *bench) webhookConfiguration(address string) *admissionregistrationv1.ValidatingWebhookConfiguration {
	return &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "bench"},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "replays." + twin.group, AdmissionReviewVersions: []string{"v1"},
			SideEffects:    ptr.To(admissionregistrationv1.SideEffectClassNone),
			FailurePolicy:  ptr.To(admissionregistrationv1.Fail),
			ClientConfig:   admissionregistrationv1.WebhookClientConfig{URL: ptr.To("https://" + address + "/"), CABundle: b.plane.CA.PEM()},
			ObjectSelector: &metav1.LabelSelector{MatchLabels: checked},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{twin.group}, APIVersions: []string{"*"}, Resources: []string{"trafficreplays"}},
			}},
		}},
	}
}

// webhookAnswers waits until a replay whose snapshot does not exist is refused: then the webhook is asked, and checks.
func (b *bench) webhookAnswers(ctx context.Context, process *controlplane.Process) error {
	bad := replay("", checked)
	bad.GenerateName, bad.Spec.SnapshotName = "bad-", "never"
	body := twin.encode("TrafficReplay", bad)
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		select {
		case <-process.Done():
			return false, errors.New("it ended")
		default:
		}
		err := twin.create(ctx, b.raw, "trafficreplays", body)
		return err != nil && isRefusal(err), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the webhook: %w; its log is %s", err, b.log("webhook"))
	}
	return nil
}
