// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package forwarder

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/spf13/pflag"

	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/forwarder"
)

func TestForwarderComesBack(t *testing.T) {
	const ours = "restage-system"
	cluster := controllertest.New(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}})
	ctx := t.Context()
	for range 2 {
		r := &Reconciler{Namespace: ours, Kube: cluster.Kube, Options: Options{Image: "forwarder:1", ImagePullPolicy: corev1.PullNever, StorageURL: "s3://traffic?region=eu-1",
			ImagePullSecrets: []string{"pull"}, PriorityClassName: "restage"}}
		cluster.Acting(t, func() {
			if _, err := r.Reconcile(ctx, types.NamespacedName{}); err != nil {
				t.Fatal(err)
			}
		})
		service, err := cluster.Kube.CoreV1().Services(ours).Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		deployment, err := cluster.Kube.AppsV1().Deployments(ours).Get(ctx, Name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(service.Spec.Selector, deployment.Spec.Template.Labels); diff != "" {
			t.Errorf("the Service does not select the pods: %s", diff)
		}
		c := deployment.Spec.Template.Spec.Containers[0]
		if c.Image != "forwarder:1" || c.ImagePullPolicy != corev1.PullNever || !slices.Contains(c.Args, "--storage-url=s3://traffic?region=eu-1") {
			t.Errorf("container is %+v", c)
		}
		if spec := deployment.Spec.Template.Spec; len(spec.ImagePullSecrets) != 1 || spec.ImagePullSecrets[0].Name != "pull" || spec.PriorityClassName != "restage" {
			t.Errorf("pull secrets %v, priority class %q", spec.ImagePullSecrets, spec.PriorityClassName)
		}
		if owner := metav1.GetControllerOf(deployment); owner == nil || owner.UID != "role-uid" {
			t.Errorf("owner is %+v", owner)
		}
		if err := cluster.Kube.CoreV1().Services(ours).Delete(ctx, Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Kube.AppsV1().Deployments(ours).Delete(ctx, Name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForwarderKnowsItsFlags(t *testing.T) {
	var options forwarder.ClusterOptions
	flags := pflag.NewFlagSet("restage-forwarder", pflag.ContinueOnError)
	options.AddFlags(flags)
	if err := flags.Parse(arguments(Options{StorageURL: "s3://traffic", Certificates: certs.LifetimesOf(2 * time.Hour)})); err != nil {
		t.Fatal(err)
	}
	if options.StorageURL != "s3://traffic" || options.DataDir != dataDir || options.Certificates.Certificate != 2*time.Hour {
		t.Errorf("options are %+v", options)
	}
}
