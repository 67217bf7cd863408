// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package caretaker keeps the API server from hurting the cluster when the installation is being taken apart: a server that is
// deleted takes its registration along, and one that is left without a controller lets go of what only a controller would.
package caretaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/utils/clock"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	lookInterval = 5 * time.Second
	// stepDownTimeout bounds by how much the end of the server is put off.
	stepDownTimeout = 10 * time.Second
)

// registration is the name of our APIService.
var registration = v1alpha1.SchemeGroupVersion.Version + "." + v1alpha1.SchemeGroupVersion.Group

// Caretaker looks after one server.
type Caretaker struct {
	// Host and Registrations are of the cluster, Own is of this very server.
	Host          kubernetes.Interface
	Registrations aggregator.Interface
	Own           versioned.Interface
	// Namespace is our own.
	Namespace string
	Clock     clock.Clock

	controllerSeen time.Time
	abandoned      bool // everything was let go of since the controller was seen
}

// Run looks every five seconds, until ctx is done.
func (c *Caretaker) Run(ctx context.Context) {
	c.controllerSeen = c.Clock.Now()
	for {
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Looking after the installation failed; will be tried again")
		}
		select {
		case <-ctx.Done():
			return
		case <-c.Clock.After(lookInterval):
		}
	}
}

// look does what is due: deregister in a namespace that is going, let go where there is no controller any more.
func (c *Caretaker) look(ctx context.Context) error {
	going, err := c.namespaceGoing(ctx)
	if err != nil {
		return err
	}
	if going {
		return c.deregister(ctx)
	}
	installed, err := c.stands(ctx, wiring.ServerDeployment)
	if err != nil || !installed {
		return err // a server that was started by hand knows nothing of controllers
	}
	controlled, err := c.stands(ctx, wiring.ControllerDeployment)
	if err != nil {
		return err
	}
	if controlled {
		c.controllerSeen, c.abandoned = c.Clock.Now(), false
		return nil
	}
	if c.abandoned || c.Clock.Since(c.controllerSeen) < wiring.DeploymentAbsence {
		return nil
	}
	klog.FromContext(ctx).Info("The controller is not installed any more; letting go of all objects", "deployment", klog.KRef(c.Namespace, wiring.ControllerDeployment))
	if err := c.letGo(ctx); err != nil {
		return err
	}
	c.abandoned = true
	return nil
}

// StepDown deregisters the API when the server is deleted for good and not only restarted. It is for the moment in which the server
// is told to end, while it still serves.
func (c *Caretaker) StepDown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stepDownTimeout)
	defer cancel()
	err := c.stepDown(ctx)
	if err != nil {
		klog.FromContext(ctx).Error(err, "It was not made sure that no registration is left without a server; kubectl restage uninstall --rescue does it")
	}
}

func (c *Caretaker) stepDown(ctx context.Context) error {
	going, err := c.namespaceGoing(ctx)
	if err != nil {
		return err
	}
	if !going {
		if going, err = c.deploymentGoing(ctx); err != nil || !going {
			return err
		}
	}
	klog.FromContext(ctx).Info("The server is being deleted; taking its registration down", "apiService", registration)
	return c.deregister(ctx)
}

// deploymentGoing tells whether the registered server's Deployment is being deleted. Without a registration there is nothing to ask.
func (c *Caretaker) deploymentGoing(ctx context.Context) (bool, error) {
	registered, err := c.Registrations.ApiregistrationV1().APIServices().Get(ctx, registration, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for APIService %q: %w", registration, err)
	}
	if service := registered.Spec.Service; service == nil || service.Namespace != c.Namespace {
		return false, nil // another installation's
	}
	stands, err := c.stands(ctx, wiring.ServerDeployment)
	return !stands, err
}

func (c *Caretaker) namespaceGoing(ctx context.Context) (bool, error) {
	namespace, err := c.Host.CoreV1().Namespaces().Get(ctx, c.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil // started by hand
	}
	if err != nil {
		return false, fmt.Errorf("looking for our namespace: %w", err)
	}
	return namespace.DeletionTimestamp != nil, nil
}

// stands tells whether a Deployment is there and not being deleted.
func (c *Caretaker) stands(ctx context.Context, name string) (bool, error) {
	deployment, err := c.Host.AppsV1().Deployments(c.Namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for Deployment %s/%s: %w", c.Namespace, name, err)
	}
	return deployment.DeletionTimestamp == nil, nil
}

// deregister takes down what leads to this server: reviews of pods, then its registration. What is another installation's stays.
func (c *Caretaker) deregister(ctx context.Context) error {
	services := c.Registrations.ApiregistrationV1().APIServices()
	registered, err := services.Get(ctx, registration, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return c.closeDoor(ctx)
	}
	if err != nil {
		return fmt.Errorf("looking for APIService %q: %w", registration, err)
	}
	if service := registered.Spec.Service; service == nil || service.Namespace != c.Namespace {
		return nil
	}
	closed := c.closeDoor(ctx)
	err = services.Delete(ctx, registration, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &registered.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return errors.Join(closed, fmt.Errorf("deleting APIService %q: %w", registration, err))
	}
	return closed
}

// closeDoor deletes the configuration of webhooks that the controller keeps.
func (c *Caretaker) closeDoor(ctx context.Context) error {
	err := c.Host.AdmissionregistrationV1().MutatingWebhookConfigurations().Delete(ctx, wiring.PodInjection, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting MutatingWebhookConfiguration %q: %w", wiring.PodInjection, err)
	}
	return nil
}
