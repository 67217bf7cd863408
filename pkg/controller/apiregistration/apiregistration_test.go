// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiregistration

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"

	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/wiring"
)

const ours = "restage-system"

// world is a cluster with our namespace and our ClusterRole.
type world struct {
	*testing.T
	cluster    *controllertest.Cluster
	aggregator *aggregatorfake.Clientset
}

func newWorld(t *testing.T) *world {
	return &world{T: t, aggregator: aggregatorfake.NewClientset(), cluster: controllertest.New(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ours}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: wiring.ServerDeployment, Namespace: ours}},
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: ServiceName, Namespace: ours}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: ClusterRole, UID: "role-uid"}})}
}

func (w *world) reconcile() {
	w.Helper()
	caches := w.cluster.Caches(w.T)
	_, err := (&Reconciler{
		Namespace:   ours,
		Kube:        w.cluster.Kube,
		APIServices: w.aggregator.ApiregistrationV1().APIServices(),
		ConfigMaps:  caches.Kube.Core().V1().ConfigMaps().Lister().ConfigMaps(ours),
		Services:    caches.Kube.Core().V1().Services().Lister().Services(ours),
		Deployments: caches.Kube.Apps().V1().Deployments().Lister().Deployments(ours),
		Namespaces:  caches.Kube.Core().V1().Namespaces().Lister(),
	}).Reconcile(w.Context(), types.NamespacedName{Name: Name})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) publish(ca string) {
	w.Helper()
	configMap := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: CAConfigMap, Namespace: ours}, Data: map[string]string{caKey: ca}}
	configMaps := w.cluster.Kube.CoreV1().ConfigMaps(ours)
	_, err := configMaps.Create(w.Context(), configMap, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = configMaps.Update(w.Context(), configMap, metav1.UpdateOptions{})
	}
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) get() (*apiregistrationv1.APIService, error) {
	return w.aggregator.ApiregistrationV1().APIServices().Get(w.Context(), "v1alpha1.replay.restage.dev", metav1.GetOptions{})
}

func (w *world) expect(ca string) *apiregistrationv1.APIService {
	w.Helper()
	service, err := w.get()
	if err != nil {
		w.Fatal(err)
	}
	if string(service.Spec.CABundle) != ca || service.Spec.InsecureSkipTLSVerify || service.Spec.Service.Namespace != ours || service.Spec.Service.Name != ServiceName {
		w.Errorf("registration is %+v, want the CA %q", service.Spec, ca)
	}
	if len(service.OwnerReferences) != 1 || service.OwnerReferences[0].UID != "role-uid" || service.OwnerReferences[0].Kind != "ClusterRole" {
		w.Errorf("owners are %+v", service.OwnerReferences)
	}
	return service
}

func TestRegistration(t *testing.T) {
	w := newWorld(t)
	w.reconcile()
	if _, err := w.get(); !apierrors.IsNotFound(err) {
		t.Errorf("registered before there is a CA: %v", err)
	}
	w.publish("first")
	w.reconcile()
	broken := w.expect("first")

	broken.Spec.CABundle, broken.Spec.InsecureSkipTLSVerify = nil, true
	if _, err := w.aggregator.ApiregistrationV1().APIServices().Update(t.Context(), broken, metav1.UpdateOptions{FieldManager: "vandal"}); err != nil {
		t.Fatal(err)
	}
	w.reconcile()
	w.expect("first")
	w.publish("second")
	w.reconcile()
	w.expect("second")
}

// Whatever goes of what is registered, the registration goes with it, and comes back when that does.
func TestRegistrationIsTakenDown(t *testing.T) {
	going := metav1.ObjectMeta{Name: ServiceName, Namespace: ours, DeletionTimestamp: &metav1.Time{Time: time.Now()}}
	for name, take := range map[string]func(*world) error{
		"namespace is going": func(w *world) error {
			namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ours, DeletionTimestamp: going.DeletionTimestamp}}
			return w.cluster.Kube.Tracker().Update(corev1.SchemeGroupVersion.WithResource("namespaces"), namespace, "")
		},
		"deployment is going": func(w *world) error {
			return w.cluster.Kube.Tracker().Update(appsv1.SchemeGroupVersion.WithResource("deployments"), &appsv1.Deployment{ObjectMeta: going}, ours)
		},
		"deployment is gone": func(w *world) error {
			return w.cluster.Kube.AppsV1().Deployments(ours).Delete(w.Context(), wiring.ServerDeployment, metav1.DeleteOptions{})
		},
		"service is gone": func(w *world) error {
			return w.cluster.Kube.CoreV1().Services(ours).Delete(w.Context(), ServiceName, metav1.DeleteOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.publish("first")
			w.reconcile()
			w.expect("first")
			if err := take(w); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time there is nothing to delete
				w.reconcile()
				if _, err := w.get(); !apierrors.IsNotFound(err) {
					t.Errorf("still registered: %v", err)
				}
			}
		})
	}
}
