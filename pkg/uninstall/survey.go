// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"fmt"
	"slices"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"

	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/workload"
)

// Clients of the cluster that Restage is removed from.
type Clients struct {
	Kube          kubernetes.Interface
	Dynamic       dynamic.Interface
	Metadata      metadata.Interface
	Registrations aggregator.Interface
	Own           versioned.Interface
}

func (c *Clients) recordable() workload.Client {
	return workload.Client{Kube: c.Kube, Dynamic: c.Dynamic}
}

// Plan is what there is to remove.
type Plan struct {
	// Namespace of Restage itself.
	Namespace string `json:"namespace"`
	// Served tells whether our API answers.
	Served bool `json:"served"`
	// Remove is what goes, in this order.
	Remove []Object `json:"remove"`
	// Keep is what stays because that was asked for, or because others made it.
	Keep []Object `json:"keep,omitempty"`
	// Blockers are why something would be left behind.
	Blockers []Object `json:"blockers,omitempty"`
	// Leave is what a rescue leaves behind, and how it goes.
	Leave []Object `json:"leave,omitempty"`

	workloads []recordedWorkload
	found     []found
}

// Empty tells that there is nothing of Restage on the cluster.
func (p *Plan) Empty() bool { return len(p.Remove) == 0 && len(p.Keep) == 0 }

// Survey looks at the cluster and changes nothing.
func Survey(ctx context.Context, c *Clients, o Options) (*Plan, error) {
	found, err := installation.Find(ctx, c.Kube, c.Registrations, o.Namespace)
	if err != nil {
		return nil, err
	}
	p := &Plan{Namespace: found.Namespace, Served: c.served(ctx)}
	if p.workloads, err = recorded(ctx, c.recordable()); err != nil {
		return nil, err
	}
	for _, w := range p.workloads {
		item := w.Object
		item.Reason = "recording proxy"
		if !w.controlled && !o.Rescue {
			item.Reason = "its template has a recording proxy that the controller did not put in; take it out where the template comes from, with kubectl restage uninject"
			p.Blockers = append(p.Blockers, item)
			continue
		}
		p.Remove = append(p.Remove, item)
	}
	if err := p.addPods(ctx, c, o); err != nil {
		return nil, err
	}
	if err := p.addObjects(ctx, c, o, found.Installed()); err != nil {
		return nil, err
	}
	if p.found, err = list(ctx, c.Metadata, p.Namespace); err != nil {
		return nil, err
	}
	p.keepData(o)
	for _, f := range p.found {
		p.Remove = append(p.Remove, f.object(""))
	}
	if err := p.keepNamespace(ctx, c); err != nil {
		return nil, err
	}
	return p, p.addRights(ctx, c.Kube)
}

// keepNamespace says that a namespace stays that the manifests did not make, as one that Helm made or that was there before.
func (p *Plan) keepNamespace(ctx context.Context, c *Clients) error {
	namespace := Object{Kind: namespaces.name, Name: p.Namespace}
	if len(p.Remove) == 0 || p.Namespace == "" || slices.ContainsFunc(slices.Concat(p.Remove, p.Keep), namespace.is) {
		return nil
	}
	_, err := c.Kube.CoreV1().Namespaces().Get(ctx, p.Namespace, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the namespace %s: %w", p.Namespace, err)
	}
	namespace.Reason = "Helm or somebody else made it; kubectl delete namespace " + p.Namespace + " removes it"
	p.Keep = append(p.Keep, namespace)
	return nil
}

// addObjects adds the objects of our API, or why they cannot be read.
func (p *Plan) addObjects(ctx context.Context, c *Clients, o Options, installed bool) error {
	if p.Served {
		objects, err := c.objects(ctx, true)
		if err != nil {
			return err
		}
		for _, f := range objects {
			if o.KeepData {
				p.Keep = append(p.Keep, f.object("in the store of the API server"))
			} else {
				p.Remove = append(p.Remove, f.object(""))
			}
		}
		return nil
	}
	_, err := c.Registrations.ApiregistrationV1().APIServices().Get(ctx, installation.APIService, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("looking for the registration: %w", err)
	}
	if (err == nil || installed) && !o.Rescue {
		p.Blockers = append(p.Blockers, Object{Kind: "APIService", Name: installation.APIService,
			Reason: "the API does not answer, so replays cannot be ended in order; kubectl restage uninstall --rescue does without it"})
	}
	return nil
}

// keepData takes the claims, and the namespace that they are in, from what is removed.
func (p *Plan) keepData(o Options) {
	if !o.KeepData {
		return
	}
	var going []found
	claimed := false
	for _, f := range p.found {
		claimed = claimed || f.kind == claims
	}
	for _, f := range p.found {
		switch {
		case f.kind == claims:
			p.Keep = append(p.Keep, f.object("--keep-data"))
		case f.kind == namespaces && claimed:
			p.Keep = append(p.Keep, f.object("it holds the claims"))
		default:
			going = append(going, f)
		}
	}
	p.found = going
}

// addRights adds what the caller may not do and would have to.
func (p *Plan) addRights(ctx context.Context, kube kubernetes.Interface) error {
	asked := map[kind]bool{}
	ask := func(verb string, k kind) error {
		if asked[k] {
			return nil
		}
		asked[k] = true
		review, err := kube.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Verb: verb, Group: k.resource.Group, Resource: k.resource.Resource,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking what you may do: %w", err)
		}
		if !review.Status.Allowed {
			p.Blockers = append(p.Blockers, Object{Kind: k.name, Name: "*", Reason: fmt.Sprintf("you may not %s %s in the whole cluster", verb, k.resource.Resource)})
		}
		return nil
	}
	for _, f := range p.found {
		if err := ask("delete", f.kind); err != nil {
			return err
		}
	}
	for _, w := range p.workloads {
		if err := ask("patch", of(w.Object.Kind, w.resource.Group, w.resource.Version, w.resource.Resource)); err != nil {
			return err
		}
	}
	return nil
}
