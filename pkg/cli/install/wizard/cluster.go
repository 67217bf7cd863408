// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/restage-dev/restage/pkg/apply"
	"github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/workload"
)

// chooseCluster asks which context, when there are several, and whether that is the cluster meant.
func (w *wizard) chooseCluster(ctx context.Context) error {
	if err := w.chooseContext(ctx); err != nil {
		return err
	}
	config, err := w.cluster.REST()
	if err != nil {
		return err
	}
	if w.kube, err = w.cluster.Kube(); err != nil {
		return err
	}
	if w.client, err = apply.New(config); err != nil {
		return err
	}
	version, err := w.kube.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("asking %s for its version: %w", config.Host, err)
	}
	w.heading("Cluster", "Everything goes to this cluster. The API and its registration are of the whole cluster, so it can hold one installation.")
	if w.context != "" {
		w.say(2, "", "context     "+w.context)
	}
	w.say(2, "", "server      "+config.Host)
	w.say(2, "", "Kubernetes  "+version.GitVersion)
	if err := w.chooseInjection(); err != nil {
		return err
	}
	w.findInstallation(ctx)
	yes, err := w.confirm(ctx, "Is this the right one?", true)
	if err == nil && !yes {
		return errDeclined
	}
	return err
}

// chooseInjection takes the way for proxies into pods that the cluster has, unless one is given, which it must have.
func (w *wizard) chooseInjection() error {
	served, err := workload.HasPolicies(w.kube.Discovery())
	if err != nil || served {
		return err
	}
	switch given := w.options.Injection; given {
	case install.InjectionWorkload, install.InjectionPolicy:
		return fmt.Errorf("injection (--injection): %q: needs MutatingAdmissionPolicy of admissionregistration.k8s.io/v1, which this cluster does not have; use %s", given, install.InjectionWebhook)
	case "":
		w.options.Injection = install.InjectionWebhook
		w.warn("This cluster has no MutatingAdmissionPolicy, which Kubernetes has from 1.36 on. So no template is changed: pods that are opted in get the recording proxy as they are made.")
	}
	return nil
}

// chooseContext sets the context of the flags, as --context would.
func (w *wizard) chooseContext(ctx context.Context) error {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	flags := w.cluster.Flags
	rules.ExplicitPath = *flags.KubeConfig
	config, err := rules.Load()
	if err != nil {
		return fmt.Errorf("reading the kubeconfig: %w", err)
	}
	w.context = config.CurrentContext
	if *flags.Context != "" {
		w.context = *flags.Context
	}
	names := slices.Sorted(maps.Keys(config.Contexts))
	if len(names) < 2 || *flags.Context != "" {
		return nil
	}
	w.heading("Context", "Your kubeconfig knows several clusters.")
	chosen, err := w.choose(ctx, names, max(slices.Index(names, w.context), 0))
	if err != nil {
		return err
	}
	w.context = names[chosen]
	*flags.Context = w.context
	return nil
}

// findInstallation takes the namespace of an installation that is there already as the default. Who may not look gets to know later.
func (w *wizard) findInstallation(ctx context.Context) {
	registrations, err := w.cluster.Aggregator()
	if err != nil {
		return
	}
	found, err := installation.Find(ctx, w.kube, registrations, "")
	if err != nil || !found.Installed() {
		return
	}
	w.say(2, "", "Restage     is in namespace "+found.Namespace+" already and will be updated")
	if w.options.Namespace == install.DefaultNamespace {
		w.options.Namespace = found.Namespace
	}
}
