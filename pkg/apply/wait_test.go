// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"
)

// states are what a condition is found to be, one after the other; the last one stays.
type states struct {
	name  string
	found []Status
	err   error
}

func (s *states) Name() string { return s.name }

func (s *states) Check(context.Context) (bool, string, error) {
	found := s.found[0]
	if len(s.found) > 1 {
		s.found = s.found[1:]
	}
	return found.Ready, found.Detail, s.err
}

func TestWaitReady(t *testing.T) {
	var out strings.Builder
	one := &states{name: "one", found: []Status{{Detail: "starting"}, {Detail: "starting"}, {Ready: true, Detail: "there"}}}
	two := &states{name: "two", found: []Status{{Ready: true, Detail: "there"}}}
	require.NoError(t, WaitReady(t.Context(), time.Minute, NewProgress(&out), one, two))
	require.Equal(t, "one: starting\ntwo: there\none: there\n", out.String(), "a line for each change")
}

func TestWaitReadySaysWhyNot(t *testing.T) {
	var out strings.Builder
	conditions := []Condition{
		&states{name: "one", found: []Status{{Detail: "no\n  image"}}},
		&states{name: "two", found: []Status{{Ready: true}}},
		&states{name: "three", found: []Status{{Ready: true}}, err: errors.New("forbidden")},
	}
	err := WaitReady(t.Context(), 100*time.Millisecond, NewProgress(&out), conditions...)
	require.ErrorIs(t, err, ErrNotReady)
	require.EqualError(t, err, "not ready after 100ms:\n  one: no image\n  three: forbidden")
}

func TestWaitReadyIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := WaitReady(ctx, time.Minute, NewProgress(&strings.Builder{}), &states{name: "one", found: []Status{{}}})
	require.ErrorIs(t, err, context.Canceled)
}

func TestAPIService(t *testing.T) {
	service := func(conditions ...apiregistrationv1.APIServiceCondition) *apiregistrationv1.APIService {
		return &apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: "v1.example"}, Status: apiregistrationv1.APIServiceStatus{Conditions: conditions},
		}
	}
	available := func(status apiregistrationv1.ConditionStatus) apiregistrationv1.APIServiceCondition {
		return apiregistrationv1.APIServiceCondition{
			Type: apiregistrationv1.Available, Status: status, Reason: "FailedDiscoveryCheck", Message: "no response",
		}
	}
	for name, test := range map[string]struct {
		service *apiregistrationv1.APIService
		ready   bool
		detail  string
	}{
		"not there":   {nil, false, "it has not been registered yet"},
		"new":         {service(), false, "kube-apiserver has not asked it yet"},
		"unreachable": {service(available(apiregistrationv1.ConditionFalse)), false, "FailedDiscoveryCheck: no response"},
		"available":   {service(available(apiregistrationv1.ConditionTrue)), true, "available"},
	} {
		t.Run(name, func(t *testing.T) {
			client := &Client{aggregator: aggregator.NewSimpleClientset()}
			if test.service != nil {
				client.aggregator = aggregator.NewSimpleClientset(test.service)
			}
			ready, detail, err := client.APIService("v1.example").Check(t.Context())
			require.NoError(t, err)
			require.Equal(t, test.detail, detail)
			require.Equal(t, test.ready, ready)
		})
	}
}
