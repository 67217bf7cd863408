// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package uninstall removes Restage from a cluster: in order, with the help of its running parts, or without any of them.
package uninstall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/kept"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Options of a removal.
type Options struct {
	// Namespace of Restage itself; empty: where it is found.
	Namespace string
	// Rescue does without any running part.
	Rescue bool
	// KeepData leaves the claims, and with them recorded traffic and the objects of the API.
	KeepData bool
	// Timeout of each step that waits.
	Timeout time.Duration
}

// Result says what was done.
type Result struct {
	Namespace string   `json:"namespace"`
	Removed   []Object `json:"removed"`
	Kept      []Object `json:"kept,omitempty"`
	// Left is what is still there and should not be.
	Left []Object `json:"left,omitempty"`
}

// run is one removal.
type run struct {
	*Clients
	Options
	plan   *Plan
	result *Result
	told   func(string)
	// proxied tells that pods are still made with the proxy. Then the policies stay by which it stands in nobody's way: safeguards are those that were found last.
	proxied    bool
	safeguards []found
}

// Remove does what the plan says and goes on after an error. told is given each step. What is left behind is in the result; an error
// is one of not being able to find that out.
func Remove(ctx context.Context, c *Clients, o Options, plan *Plan, told func(string)) (*Result, error) {
	r := &run{Clients: c, Options: o, plan: plan, told: told, result: &Result{Namespace: plan.Namespace, Kept: plan.Keep}}
	if plan.Served && !o.Rescue {
		r.endWork(ctx)
	}
	r.stopController(ctx)
	if plan.Served {
		r.step(ctx, "letting go of the objects of the API", func(ctx context.Context) error { return c.releaseObjects(ctx, o.KeepData) })
	}
	r.takeProxiesOut(ctx)
	r.removeInstalled(ctx)
	return r.result, r.settle(ctx)
}

// step does something within the timeout, and writes down what it could not do.
func (r *run) step(ctx context.Context, what string, do func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	r.told(what)
	if err := do(ctx); err != nil {
		r.told(fmt.Sprintf("%s: %v", what, err))
	}
}

func (r *run) removed(o Object) {
	r.result.Removed = append(r.result.Removed, o)
	r.told("removed " + o.String())
}

// endWork has the controller end what is under way: with their objects, or by cancelling replays where objects are kept.
func (r *run) endWork(ctx context.Context) {
	if r.KeepData {
		r.step(ctx, "ending replays", func(ctx context.Context) error { return r.endReplays(ctx, func(o Object) { r.told(o.String()) }) })
		return
	}
	r.step(ctx, "deleting replays, environments and snapshots", func(ctx context.Context) error { return r.deleteObjects(ctx, r.removed) })
}

// stopController deletes the controller and, unless it is not to be relied upon, waits until it has cleared up.
func (r *run) stopController(ctx context.Context) {
	deployments := r.Kube.AppsV1().Deployments(r.plan.Namespace)
	r.step(ctx, "stopping the controller, which takes out what it put in", func(ctx context.Context) error {
		err := deployments.Delete(ctx, installation.Controller, metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil || r.Rescue {
			return err
		}
		return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
			pods, err := r.Kube.CoreV1().Pods(r.plan.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=" + installation.Controller})
			return err == nil && len(pods.Items) == 0, err
		})
	})
}

// takeProxiesOut takes the proxies out of the templates that still have one.
func (r *run) takeProxiesOut(ctx context.Context) {
	for _, w := range r.plan.workloads {
		if !w.controlled && !r.Rescue {
			continue // a blocker that was overridden
		}
		r.step(ctx, "taking the recording proxy out of "+w.Object.String(), func(ctx context.Context) error { return takeOut(ctx, r.recordable(), w) })
		w.Object.Reason = "recording proxy"
		r.result.Removed = append(r.result.Removed, w.Object)
	}
}

// removeInstalled deletes the installation. What it consists of is looked up once more, since what is running makes new objects.
func (r *run) removeInstalled(ctx context.Context) {
	r.step(ctx, "deleting what was installed", func(ctx context.Context) error {
		makers, err := kept.Makers(ctx, r.recordable(), metav1.NamespaceAll)
		r.proxied = err != nil || len(makers) > 0
		if err != nil {
			r.told(err.Error())
		}
		going, err := r.list(ctx)
		if err != nil {
			return err
		}
		var errs []error
		for _, f := range going {
			if err := remove(ctx, r.Metadata, f); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", f.object(""), err))
				continue
			}
			r.removed(f.object(""))
		}
		return errors.Join(errs...)
	})
}

// list is what there is to delete now.
func (r *run) list(ctx context.Context) ([]found, error) {
	all, err := list(ctx, r.Metadata, r.plan.Namespace)
	if err != nil {
		return nil, err
	}
	now := &Plan{found: all}
	now.keepData(r.Options)
	if !r.proxied {
		return now.found, nil
	}
	var going []found
	r.safeguards = nil
	for _, f := range now.found {
		if isSafeguard(f) {
			r.safeguards = append(r.safeguards, f)
			continue
		}
		going = append(going, f)
	}
	return going, nil
}

// isSafeguard tells whether an object is of a policy that proxies in templates need, or its binding.
func isSafeguard(f found) bool {
	return f.resource.Group == admission && slices.Contains(wiring.Safeguards(), f.meta.Name)
}

// settle waits until everything is gone, and writes down what is not. What was held when it was deleted may be let go of later, and
// namespaces that our API blocked are looked at again only now and then, unless something touches them.
func (r *run) settle(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	r.told("waiting until everything is gone")
	if r.Rescue {
		if err := r.unblock(waiting); err != nil {
			r.told("unblocking namespaces: " + err.Error())
		}
	}
	var going []found
	err := wait.PollUntilContextCancel(waiting, pollInterval, true, func(ctx context.Context) (bool, error) {
		var err error
		if going, err = r.list(ctx); err != nil {
			return false, err
		}
		for _, f := range going {
			if err := remove(ctx, r.Metadata, f); err != nil {
				r.told(f.object(err.Error()).String())
			}
		}
		return len(going) == 0, nil
	})
	if err != nil && !wait.Interrupted(err) {
		return err
	}
	for _, f := range going {
		reason := "it is still there"
		if len(f.meta.Finalizers) > 0 {
			reason = fmt.Sprintf("held by %v", f.meta.Finalizers)
		}
		r.result.Left = append(r.result.Left, f.object(reason))
	}
	workloads, err := recorded(ctx, r.recordable())
	if err != nil {
		return err
	}
	for _, w := range workloads {
		w.Object.Reason = "its template has a recording proxy"
		r.result.Left = append(r.result.Left, w.Object)
	}
	keeping, err := r.keeping(ctx, r.Options, workloads)
	r.result.Left = append(r.result.Left, keeping...)
	for _, f := range r.safeguards {
		r.result.Left = append(r.result.Left, f.object("for as long as pods are made with the recording proxy; kubectl restage uninstall removes it then"))
	}
	return err
}

// touch is an annotation that is put on a namespace and taken off again.
const touch = "restage.dev/touched"

// unblock touches the namespaces that are being deleted, so that the cluster tries again at once.
func (r *run) unblock(ctx context.Context) error {
	all, err := r.Kube.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	var errs []error
	for _, namespace := range all.Items {
		if namespace.DeletionTimestamp == nil {
			continue
		}
		for _, value := range []string{`"yes"`, "null"} {
			patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%s}}}`, touch, value)
			_, err := r.Kube.CoreV1().Namespaces().Patch(ctx, namespace.Name, types.MergePatchType, patch, metav1.PatchOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
