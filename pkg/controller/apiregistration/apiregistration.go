// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package apiregistration keeps the APIService that puts the group of Restage into the cluster's API.
package apiregistration

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes"
	appslisters "k8s.io/client-go/listers/apps/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/klog/v2"
	applyv1 "k8s.io/kube-aggregator/pkg/client/applyconfiguration/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/typed/apiregistration/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// ServiceName of the API server.
	ServiceName = "restage-apiserver"
	// CAConfigMap holds, under ca.crt, the CA of the API server's certificate. The API server writes it.
	CAConfigMap = "restage-apiserver-ca"
	// ClusterRole owns what we make that is in no namespace, so that an uninstallation takes it along.
	ClusterRole = "restage-controller"

	caKey        = "ca.crt"
	servicePort  = 443
	fieldManager = "restage-controller"
	// groupPriority is below that of Kubernetes' own groups, so that no short name of ours wins over one of theirs.
	groupPriority   = 1000
	versionPriority = 15
	// repair is how often the registration is applied without an event.
	repair = 5 * time.Minute
)

// Name of the APIService.
var Name = v1alpha1.SchemeGroupVersion.Version + "." + v1alpha1.SchemeGroupVersion.Group

// Reconciler registers the API as long as our namespace and the API server are there to stay.
type Reconciler struct {
	Namespace   string
	Kube        kubernetes.Interface
	APIServices aggregator.APIServiceInterface
	ConfigMaps  corelisters.ConfigMapNamespaceLister
	Services    corelisters.ServiceNamespaceLister
	Deployments appslisters.DeploymentNamespaceLister
	Namespaces  corelisters.NamespaceLister
}

// Reconcile applies the APIService. Before the API server has published its CA there is nothing to register. When the
// namespace, the Deployment of the server or its Service is being deleted, the registration is taken down: one without a server
// behind it would block the deletion of every namespace in the cluster. A server that is only down, or rolled out, stays registered.
func (r *Reconciler) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	stays, err := r.Stays()
	if err != nil {
		return 0, err
	}
	if !stays {
		return repair, Remove(ctx, r.APIServices)
	}
	configMap, err := r.ConfigMaps.Get(CAConfigMap)
	if apierrors.IsNotFound(err) {
		klog.FromContext(ctx).Info("Waiting for the API server to publish its CA", "configMap", klog.KRef(r.Namespace, CAConfigMap))
		return repair, nil
	}
	if err != nil {
		return 0, err
	}
	ca := configMap.Data[caKey]
	if ca == "" {
		return 0, fmt.Errorf("ConfigMap %s/%s has no %s", r.Namespace, CAConfigMap, caKey)
	}
	owner, err := Owner(ctx, r.Kube)
	if err != nil {
		return 0, err
	}
	_, err = r.APIServices.Apply(ctx, r.desired(ca, owner), metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil {
		return 0, fmt.Errorf("applying APIService %q: %w", Name, err)
	}
	return repair, nil
}

// Stays tells whether there is a server to register, and will be.
func (r *Reconciler) Stays() (bool, error) {
	namespace, err := r.Namespaces.Get(r.Namespace)
	if err != nil {
		return false, fmt.Errorf("reading our namespace: %w", err)
	}
	deployment, err := r.Deployments.Get(wiring.ServerDeployment)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	service, err := r.Services.Get(ServiceName)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return namespace.DeletionTimestamp == nil && deployment.DeletionTimestamp == nil && service.DeletionTimestamp == nil, nil
}

// Owner refers to the ClusterRole. It owns what we make that is in no namespace.
func Owner(ctx context.Context, kube kubernetes.Interface) (*metaapply.OwnerReferenceApplyConfiguration, error) {
	role, err := kube.RbacV1().ClusterRoles().Get(ctx, ClusterRole, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("looking for the ClusterRole that owns what is in no namespace: %w", err)
	}
	return metaapply.OwnerReference().WithAPIVersion("rbac.authorization.k8s.io/v1").WithKind("ClusterRole").WithName(role.Name).WithUID(role.UID), nil
}

func (r *Reconciler) desired(ca string, owner *metaapply.OwnerReferenceApplyConfiguration) *applyv1.APIServiceApplyConfiguration {
	service := applyv1.ServiceReference().WithNamespace(r.Namespace).WithName(ServiceName).WithPort(servicePort)
	config := applyv1.APIService(Name).
		WithLabels(map[string]string{"app.kubernetes.io/part-of": "restage"}).
		WithSpec(applyv1.APIServiceSpec().
			WithGroup(v1alpha1.SchemeGroupVersion.Group).
			WithVersion(v1alpha1.SchemeGroupVersion.Version).
			WithService(service).
			WithCABundle([]byte(ca)...).
			WithInsecureSkipTLSVerify(false).
			WithGroupPriorityMinimum(groupPriority).
			WithVersionPriority(versionPriority))
	return config.WithOwnerReferences(owner)
}

// Remove takes the registration down. It need not exist.
func Remove(ctx context.Context, client aggregator.APIServiceInterface) error {
	err := client.Delete(ctx, Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting APIService %q: %w", Name, err)
	}
	return nil
}
