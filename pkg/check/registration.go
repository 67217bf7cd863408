// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/installation"
)

// settleTime is how long kube-apiserver may take to see that a server does not answer.
const (
	settleTime = 15 * time.Second
	settlePoll = time.Second
)

// registration tells whether kube-apiserver knows our API and reaches the server behind it.
func registration(ctx context.Context, c *Cluster) ([]Finding, error) {
	service, err := c.Aggregator.ApiregistrationV1().APIServices().Get(ctx, installation.APIService, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return []Finding{failure(restart(c, installation.Controller),
			"APIService %s is not there: the controller makes it once the server has published its CA in ConfigMap %s/%s",
			installation.APIService, c.home(), apiregistration.CAConfigMap)}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading APIService %s: %w", installation.APIService, err)
	}
	available := condition(service)
	wrongCA, err := c.wrongBundle(ctx, service)
	if err != nil {
		return nil, err
	}
	switch {
	case wrongCA != nil:
		return []Finding{*wrongCA}, nil
	case available == nil:
		return []Finding{warning("kubectl wait --for=condition=Available apiservice/"+installation.APIService,
			"kube-apiserver has not looked at APIService %s yet", installation.APIService)}, nil
	case available.Status != apiregistrationv1.ConditionTrue:
		cause := registrationCause(available.Reason, available.Message)
		return []Finding{failure(c.registrationFix(ctx, cause), "%s: %s", cause.says, clip(available.Reason+": "+available.Message))}, nil
	}
	return c.served(ctx), nil
}

// served asks for our types the way that users do. kube-apiserver looks at servers from time to time only, so when the request fails it
// is given some time to say why.
func (c *Cluster) served(ctx context.Context) []Finding {
	resources, err := c.Restage.Discovery().ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
	if err != nil {
		reason, message := "", err.Error()
		_ = wait.PollUntilContextTimeout(ctx, settlePoll, settleTime, true, func(ctx context.Context) (bool, error) {
			service, err := c.Aggregator.ApiregistrationV1().APIServices().Get(ctx, installation.APIService, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			available := condition(service)
			if available == nil || available.Status == apiregistrationv1.ConditionTrue {
				return false, nil
			}
			reason, message = available.Reason, available.Message
			return true, nil
		})
		cause := registrationCause(reason, message)
		return []Finding{failure(c.registrationFix(ctx, cause), "%s: %s", cause.says, clip(message))}
	}
	return ok("kube-apiserver reaches the server; %s has %d resources", v1alpha1.SchemeGroupVersion, len(resources.APIResources))
}

func condition(service *apiregistrationv1.APIService) *apiregistrationv1.APIServiceCondition {
	for i := range service.Status.Conditions {
		if service.Status.Conditions[i].Type == apiregistrationv1.Available {
			return &service.Status.Conditions[i]
		}
	}
	return nil
}

// wrongBundle compares the CA that kube-apiserver believes with the one that the server publishes.
func (c *Cluster) wrongBundle(ctx context.Context, service *apiregistrationv1.APIService) (*Finding, error) {
	published, err := c.Kube.CoreV1().ConfigMaps(c.home()).Get(ctx, apiregistration.CAConfigMap, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", c.home(), apiregistration.CAConfigMap, err)
	}
	if bytes.Equal(bytes.TrimSpace(service.Spec.CABundle), bytes.TrimSpace([]byte(published.Data["ca.crt"]))) {
		return nil, nil
	}
	finding := failure(restart(c, installation.Controller),
		"the CA bundle of APIService %s is not the one that the server publishes in ConfigMap %s/%s; the controller puts it right when it runs",
		installation.APIService, c.home(), apiregistration.CAConfigMap)
	return &finding, nil
}

// restart is the command that starts a component anew, and starts it at all where it was scaled to nothing.
func restart(c *Cluster, component string) string {
	if d := c.Found.Deployments[component]; d == nil {
		return c.reinstall()
	} else if d.Spec.Replicas != nil && *d.Spec.Replicas == 0 {
		return fmt.Sprintf("kubectl -n %s scale deployment/%s --replicas=1", c.home(), component)
	}
	return fmt.Sprintf("kubectl -n %s rollout restart deployment/%s", c.home(), component)
}
