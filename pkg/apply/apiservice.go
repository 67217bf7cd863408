// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
)

type apiService struct {
	aggregator aggregator.Interface
	name       string
}

// APIService is ready when kube-apiserver reaches the server behind it.
func (c *Client) APIService(name string) Condition {
	return apiService{c.aggregator, name}
}

func (a apiService) Name() string { return "APIService " + a.name }

func (a apiService) Check(ctx context.Context) (bool, string, error) {
	found, err := a.aggregator.ApiregistrationV1().APIServices().Get(ctx, a.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, "it has not been registered yet", nil
	}
	if err != nil {
		return false, "", err
	}
	for _, condition := range found.Status.Conditions {
		if condition.Type != apiregistrationv1.Available {
			continue
		}
		if condition.Status == apiregistrationv1.ConditionTrue {
			return true, "available", nil
		}
		return false, condition.Reason + ": " + condition.Message, nil
	}
	return false, "kube-apiserver has not asked it yet", nil
}
