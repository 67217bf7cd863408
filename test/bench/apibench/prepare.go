// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// What replays refer to, on both sides.
const (
	snapshotName = "monday"
	profileName  = "usual"
	workloadName = "front"
)

const crdPath = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

// kinds that both sides serve.
var kinds = []struct{ kind, plural, scope string }{
	{"TrafficReplay", "trafficreplays", "Namespaced"},
	{"TrafficSnapshot", "trafficsnapshots", "Namespaced"},
	{"ReplayProfile", "replayprofiles", "Namespaced"},
	{"EnvironmentClass", "environmentclasses", "Cluster"},
}

// prepare makes the CRDs and what replays refer to.
func (b *bench) prepare(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(b.plane.Config)
	if err != nil {
		return err
	}
	if _, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("making the namespace: %w", err)
	}
	if _, err := client.AppsV1().Deployments(namespace).Create(ctx, deployment(), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("making the workload: %w", err)
	}
	definitions := ourDefinitions()
	for _, k := range kinds {
		crd, err := definitions.crd(k.kind, k.plural, k.scope)
		if err != nil {
			return err
		}
		body, err := json.Marshal(crd)
		if err != nil {
			return err
		}
		if err := b.raw.Post().AbsPath(crdPath).Body(body).Do(ctx).Error(); err != nil {
			return fmt.Errorf("making the CRD of %s: %w", k.kind, err)
		}
	}
	for _, s := range []side{ours, twin} {
		if err := b.references(ctx, b.raw, s); err != nil {
			return err
		}
	}
	return nil
}

// references makes what replays of a side refer to. A fresh CRD needs a moment until it is served.
func (b *bench) references(ctx context.Context, c *rest.RESTClient, s side) error {
	snapshot := &v1alpha1.TrafficSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: snapshotName, Namespace: namespace},
		Spec:       v1alpha1.TrafficSnapshotSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: workloadName}, Last: &metav1.Duration{Duration: time.Minute}},
	}
	class := &v1alpha1.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{
		Name: "small", Annotations: map[string]string{v1alpha1.AnnotationDefaultClass: "true"},
	}}
	for _, made := range []struct {
		path string
		body []byte
	}{
		{s.path("trafficsnapshots"), s.encode("TrafficSnapshot", snapshot)},
		{s.path("replayprofiles"), s.encode("ReplayProfile", profile(profileName))},
		{fmt.Sprintf("/apis/%s/%s/environmentclasses", s.group, version), s.encode("EnvironmentClass", class)},
		{s.path("trafficreplays"), s.encode("TrafficReplay", replay("one", nil))},
	} {
		var last error
		err := wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			err := c.Post().AbsPath(made.path).Body(made.body).Do(ctx).Error()
			if ctx.Err() == nil {
				last = err
			}
			return err == nil, nil
		})
		if err != nil {
			return fmt.Errorf("creating in %s: %w: %w", made.path, err, last)
		}
	}
	return nil
}

func deployment() *appsv1.Deployment {
	labels := map[string]string{"app": workloadName}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: workloadName},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "app", Image: "registry.example/front:1", Ports: []corev1.ContainerPort{{ContainerPort: 9898}},
				}}},
			},
		},
	}
}
