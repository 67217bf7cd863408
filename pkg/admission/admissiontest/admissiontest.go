// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package admissiontest makes requests and objects for the tests of admission plugins.
package admissiontest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/warning"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

const (
	// Namespace of all objects but classes.
	Namespace = "shop"
	// Caller is the name of who makes the requests.
	Caller = "dev"
	// ProxyImage is for plugins that want one.
	ProxyImage = "restage/proxy:test"
)

// resources by kind.
var resources = map[string]string{
	"TrafficCapture": "trafficcaptures", "TrafficSnapshot": "trafficsnapshots", "ReplayProfile": "replayprofiles",
	"Environment": "environments", "EnvironmentClass": "environmentclasses", "TrafficReplay": "trafficreplays",
}

// Object is an internal object.
type Object interface {
	runtime.Object
	metav1.Object
}

// Create is a request to create the object.
func Create(kind string, object Object) admission.Attributes {
	return attributes(kind, object, nil, admission.Create, &metav1.CreateOptions{}, false)
}

// DryRun is a request to create the object as a trial.
func DryRun(kind string, object Object) admission.Attributes {
	return attributes(kind, object, nil, admission.Create, &metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}, true)
}

// Update is a request to change the old object.
func Update(kind string, object, old Object) admission.Attributes {
	return attributes(kind, object, old, admission.Update, &metav1.UpdateOptions{}, false)
}

func attributes(kind string, object Object, old runtime.Object, operation admission.Operation, options runtime.Object, dryRun bool) admission.Attributes {
	version := v1alpha1.SchemeGroupVersion
	return admission.NewAttributesRecord(object, old, version.WithKind(kind), object.GetNamespace(), object.GetName(),
		version.WithResource(resources[kind]), "", operation, options, dryRun, &user.DefaultInfo{Name: Caller})
}

// Named is the metadata of an object in the namespace.
func Named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: Namespace, Name: name}
}

// Snapshot is a snapshot of a workload, as it is stored.
func Snapshot(name, workload string) *v1alpha1.TrafficSnapshot {
	return &v1alpha1.TrafficSnapshot{ObjectMeta: Named(name), Spec: v1alpha1.TrafficSnapshotSpec{
		WorkloadRef: v1alpha1.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: workload},
	}}
}

// Class is a class, as it is stored; the default one has the age of an hour.
func Class(name string, isDefault bool) *v1alpha1.EnvironmentClass {
	class := &v1alpha1.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if isDefault {
		class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: "true"}
		class.CreationTimestamp = metav1.NewTime(time.Now().Add(-time.Hour))
	}
	return class
}

// Workload is a request for a copy of a Deployment.
func Workload(name string) replay.EnvironmentWorkload {
	return replay.EnvironmentWorkload{
		Name: name, Strategy: replay.StrategyClone,
		Ref: replay.WorkloadReference{APIVersion: "apps/v1", Kind: "Deployment", Name: name},
	}
}

// Deployment has one container, app, which listens on port 9898.
func Deployment(name string, change ...func(*corev1.PodSpec)) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: Named(name)}
	d.Spec.Template.Spec.Containers = []corev1.Container{{
		Name: "app", Image: "example.com/app:1", Ports: []corev1.ContainerPort{{ContainerPort: 9898}},
	}}
	for _, f := range change {
		f(&d.Spec.Template.Spec)
	}
	return d
}

// Warnings returns a context in which warnings are noted down, and what reads them.
func Warnings(t *testing.T) (context.Context, func() []string) {
	r := &recorder{}
	return warning.WithWarningRecorder(t.Context(), r), func() []string {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		return slices.Clone(r.texts)
	}
}

type recorder struct {
	mutex sync.Mutex
	texts []string
}

func (r *recorder) AddWarning(_, text string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.texts = append(r.texts, text)
}
