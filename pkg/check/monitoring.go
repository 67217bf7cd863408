// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/restage-dev/restage/pkg/installation"
)

const (
	monitoringGroup = "monitoring.coreos.com"
	// dashboard is of a kind that every cluster has, and is there where monitoring was asked for.
	dashboard = "restage-dashboard"

	prometheusOperator = "https://prometheus-operator.dev/docs/getting-started/installation/"
)

// monitorKinds are those of the Prometheus operator that monitoring is made of.
var monitorKinds = []schema.GroupVersionResource{
	{Group: monitoringGroup, Version: "v1", Resource: "servicemonitors"},
	{Group: monitoringGroup, Version: "v1", Resource: "podmonitors"},
	{Group: monitoringGroup, Version: "v1", Resource: "prometheusrules"},
}

// monitoring tells whether the cluster has the kinds of the Prometheus operator, and our objects of these kinds, where monitoring was asked for.
func monitoring(ctx context.Context, c *Cluster) ([]Finding, error) {
	wanted, err := c.monitored(ctx)
	if err != nil {
		return nil, err
	}
	if !wanted {
		return skipped("it was not asked for; kubectl restage install --monitoring adds monitors, alerts and a dashboard for the Prometheus operator"), nil
	}
	var unknown, empty []string
	for _, kind := range monitorKinds {
		list, err := c.Metadata.Resource(kind).Namespace(c.home()).List(ctx, metav1.ListOptions{LabelSelector: installation.PartOf})
		switch {
		case apierrors.IsNotFound(err):
			unknown = append(unknown, kind.Resource)
		case err != nil:
			return nil, fmt.Errorf("listing the %s in namespace %s: %w", kind.Resource, c.home(), err)
		case len(list.Items) == 0:
			empty = append(empty, kind.Resource)
		}
	}
	again := strings.Replace(c.reinstall(), "install", "install --monitoring", 1)
	switch {
	case len(unknown) > 0 && !c.Installed():
		return []Finding{failure("Install the Prometheus operator ("+prometheusOperator+"), or leave --monitoring out",
			"the cluster has no %s of %s, which monitoring is made of", strings.Join(unknown, ", "), monitoringGroup)}, nil
	case len(unknown) > 0:
		return []Finding{warning("Install the Prometheus operator ("+prometheusOperator+"), then "+again,
			"Restage is not scraped and nobody is alerted: the cluster has no %s of %s", strings.Join(unknown, ", "), monitoringGroup)}, nil
	case len(empty) > 0 && c.Installed():
		return []Finding{warning(again, "monitoring was asked for, and there are no %s of Restage in namespace %s", strings.Join(empty, ", "), c.home())}, nil
	case !c.Installed():
		return ok("the cluster has the kinds of the Prometheus operator"), nil
	}
	return ok("monitors and alerts are there for the Prometheus operator"), nil
}

// monitored tells whether monitoring was asked for: in the manifests that will be installed, or in those that were.
func (c *Cluster) monitored(ctx context.Context) (bool, error) {
	if !c.Installed() {
		return slices.ContainsFunc(c.Manifests, func(o *unstructured.Unstructured) bool { return o.GroupVersionKind().Group == monitoringGroup }), nil
	}
	_, err := c.Kube.CoreV1().ConfigMaps(c.home()).Get(ctx, dashboard, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for the dashboard in namespace %s: %w", c.home(), err)
	}
	return true, nil
}
