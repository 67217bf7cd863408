// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/podinjection"
	"github.com/restage-dev/restage/pkg/controller/rights"
	"github.com/restage-dev/restage/pkg/controller/safeguards"
	"github.com/restage-dev/restage/pkg/teardown"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// clearUpTimeout is less than the pod's grace period.
	clearUpTimeout = 45 * time.Second
	// others is how long who deletes our namespace has to delete the rest of the manifests as well.
	others = 10 * time.Second
	// idle is how long a controller that has cleared up waits to be ended.
	idle = time.Minute
)

// errCleared ends a controller that has cleared up and is not ended. What it was installed by may come back, for its successor.
var errCleared = errors.New("the installation was deleted and everything cleared up; nothing is left to do")

// removal finds out whether the installation is being deleted, and clears up when it is.
type removal struct {
	clients *clients
	options Options
	// deployed is whether our own Deployment was there. A controller that was started by hand has none.
	deployed bool
}

// installedBy returns what is being deleted of our namespace, roles and ServiceAccount, empty when nothing is.
func (r *removal) installedBy(ctx context.Context) (string, error) {
	kube := r.clients.kube
	namespace, err := kube.CoreV1().Namespaces().Get(ctx, r.options.Namespace, metav1.GetOptions{})
	if err != nil {
		return goneOr(r.namespaceReason(), err)
	}
	if namespace.DeletionTimestamp != nil {
		return r.namespaceReason(), nil
	}
	return r.rightsGoing(ctx)
}

// rightsGoing returns which of our roles, or that our ServiceAccount, is being deleted.
func (r *removal) rightsGoing(ctx context.Context) (string, error) {
	kube := r.clients.kube
	for _, name := range rights.Roles {
		role, err := kube.RbacV1().ClusterRoles().Get(ctx, name, metav1.GetOptions{})
		if err == nil && role.DeletionTimestamp != nil {
			return "ClusterRole " + name, nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return "", fmt.Errorf("looking for ClusterRole %q: %w", name, err)
		}
	}
	account, err := kube.CoreV1().ServiceAccounts(r.options.Namespace).Get(ctx, rights.Account, metav1.GetOptions{})
	if err == nil && account.DeletionTimestamp != nil {
		return "ServiceAccount " + rights.Account, nil
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return "", fmt.Errorf("looking for our ServiceAccount: %w", err)
	}
	return "", nil
}

// isGone tells whether a Deployment of our namespace is gone or going.
func (r *removal) isGone(ctx context.Context, name string) (bool, error) {
	found, err := r.clients.kube.AppsV1().Deployments(r.options.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		reason, err := goneOr(name, err)
		return reason != "", err
	}
	return found.DeletionTimestamp != nil, nil
}

func goneOr(what string, err error) (string, error) {
	if apierrors.IsNotFound(err) {
		return what, nil
	}
	return "", fmt.Errorf("looking for %s: %w", what, err)
}

// reason returns what is being deleted, empty when we are only ended, as in a rollout. Whole tells that the API server goes as well.
func (r *removal) reason(ctx context.Context) (reason string, whole bool, err error) {
	reason, err = r.installedBy(ctx)
	if reason != "" || err != nil || !r.deployed {
		return reason, true, err
	}
	gone, err := r.isGone(ctx, wiring.ControllerDeployment)
	if err != nil || !gone {
		return "", false, err
	}
	whole, err = r.isGone(ctx, wiring.ServerDeployment)
	return "Deployment " + wiring.ControllerDeployment, whole, err
}

// clearUp leaves the cluster as it was, if the installation is being deleted: without the registration, which would block
// the deletion of every namespace once the API server is gone, without recording proxies, copies and all else that was made. When only our own
// Deployment is deleted the registration stays, since the API server does. It does nothing when we are only ended.
func (r *removal) clearUp(running context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(running), clearUpTimeout)
	defer cancel()
	logger := klog.FromContext(ctx)
	reason, whole, err := r.reason(ctx)
	if err != nil {
		logger.Error(err, "It is not known whether the installation is being deleted; nothing is cleared up")
		return nil
	}
	if reason == "" {
		return nil
	}
	logger.Info("The installation is being deleted; clearing up", "deleted", reason)
	err = podinjection.Remove(ctx, r.clients.kube) // before the server goes that it leads to
	if whole {
		err = errors.Join(err, apiregistration.Remove(ctx, r.clients.aggregator.ApiregistrationV1().APIServices()))
	}
	err = errors.Join(err, r.installation().Undo(ctx), r.dropSafeguards(ctx))
	if reason == r.namespaceReason() {
		err = errors.Join(err, r.uninstall(ctx))
	}
	if err != nil {
		logger.Error(err, "Something was left behind; kubectl restage uninstall --rescue removes it")
	}
	if err := keeper(r.clients, r.options).Release(ctx); err != nil {
		logger.Error(err, "Our rights were not let go of; kubectl restage uninstall --rescue does it")
	}
	logger.Info("Cleared up")
	select {
	case <-running.Done():
		return nil
	case <-time.After(idle):
		return errCleared
	}
}

// standIn clears up in the place of a leader, for one that ends without having been elected: in the middle of a rollout the former leader has
// ended, and nobody can be elected any more once the right to the lease is deleted. A leader that there is has the pause to do it itself.
func (r *removal) standIn(ended context.Context, pause time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ended), clearUpTimeout)
	defer cancel()
	reason, _, err := r.reason(ctx)
	if err != nil || reason == "" {
		return nil // without rights nothing is left to do, or can be done
	}
	klog.FromContext(ctx).Info("The installation is being deleted, and this controller does not lead; waiting for the leader to clear up", "deleted", reason)
	time.Sleep(pause)
	return r.clearUp(ended)
}

// dropSafeguards takes down the policies by which proxies stand in nobody's way, once no pod is made with one any more. Where an owner holds on to a former template, as
// of a Deployment that is paused, they stay as that does, and where a proxy could not be taken out, or is not ours to take out.
func (r *removal) dropSafeguards(ctx context.Context) error {
	if there, err := safeguards.Any(ctx, r.clients.kube); err != nil || !there {
		return err
	}
	makers, err := r.installation().Makers(ctx)
	if err != nil {
		return err
	}
	for _, w := range makers {
		klog.FromContext(ctx).Info("Pods are still made with the recording proxy, so the policies stay by which it is in nobody's way; kubectl restage uninstall removes them",
			"kind", w.Kind.Kind, "workload", klog.KObj(w), "release", w.ReleaseCommand())
	}
	if len(makers) > 0 {
		return nil
	}
	return safeguards.Remove(ctx, r.clients.kube)
}

// uninstall deletes what was installed outside of our namespace, unless whoever deletes that does so: deleted manifests name the
// namespace first, and who deletes them would wonder where the rest is.
func (r *removal) uninstall(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(others):
	}
	going, err := r.rightsGoing(ctx)
	if going != "" || err != nil {
		return err
	}
	return r.installation().Uninstall(ctx)
}

func (r *removal) installation() teardown.Cluster {
	return teardown.Cluster{
		Kube: r.clients.kube, Dynamic: r.clients.dynamic, Metadata: r.clients.metadata, Home: r.options.Namespace, Namespaces: r.options.WatchNamespaces,
	}
}

// namespaceReason is the reason when our namespace is being deleted. Who deletes that may not know of anything outside of it.
func (r *removal) namespaceReason() string { return "Namespace " + r.options.Namespace }
