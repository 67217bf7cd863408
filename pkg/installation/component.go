// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Component is one of the parts that run.
type Component struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
	Image   string `json:"image"`
	// Ready of Replicas that are wanted.
	Ready    int32 `json:"ready"`
	Replicas int32 `json:"replicas"`
	// Since is when the present state, available or not, began.
	Since *metav1.Time `json:"since,omitempty"`
}

// State of the components that are there.
func (i *Installation) State() []Component {
	var all []Component
	for _, name := range Components {
		if d := i.Deployments[name]; d != nil {
			all = append(all, component(d))
		}
	}
	return all
}

func component(d *appsv1.Deployment) Component {
	c := Component{Name: d.Name, Ready: d.Status.ReadyReplicas, Replicas: 1}
	if d.Spec.Replicas != nil {
		c.Replicas = *d.Spec.Replicas
	}
	if containers := d.Spec.Template.Spec.Containers; len(containers) > 0 {
		c.Image = containers[0].Image
		c.Version = Tag(c.Image)
	}
	for _, condition := range d.Status.Conditions {
		if condition.Type == appsv1.DeploymentAvailable {
			c.Since = &condition.LastTransitionTime
		}
	}
	return c
}

// Tag of an image; empty when it has none, as with a digest alone.
func Tag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	path := image[strings.LastIndex(image, "/")+1:] // a colon before the last slash is that of a port
	_, tag, _ := strings.Cut(path, ":")
	return tag
}
