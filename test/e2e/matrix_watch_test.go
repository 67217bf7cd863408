// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// answered is how long ago a responder must have been ready at most when a pod of its environment becomes so.
	answered = 10 * time.Second
	// together is how much later it may be seen to be ready: the kubelet asks both each second, and tells of them in any order.
	together = 3 * time.Second
)

// watcher sees every state of every pod of a namespace, and notes what must not be.
type watcher struct {
	pods corelisters.PodNamespaceLister

	mu         sync.Mutex
	wrong      []string
	copies     map[string]string    // address of a pod → its environment
	responders map[string][]string  // environment → addresses of its responder, which may be made once more while the environment goes
	answering  map[types.UID]bool   // responders that are ready
	answers    map[string]time.Time // environment → when a responder of it was last seen to be ready, or to be so no more
	early      map[string]time.Time // environment → when its copy was ready without a responder, unless that was seen right after
	ready      map[types.UID]bool
	unready    map[string]bool      // environments whose copy was ready and then was not
	live       map[types.UID]string // pods of the live workload
	users      map[string]types.UID // of each address
	loose      string               // address of the pod that is not shut in
}

func watchPods(t *testing.T, client kubernetes.Interface, namespace string) *watcher {
	t.Helper()
	w := &watcher{
		copies: map[string]string{}, responders: map[string][]string{}, answering: map[types.UID]bool{}, answers: map[string]time.Time{},
		early: map[string]time.Time{}, ready: map[types.UID]bool{}, unready: map[string]bool{}, live: map[types.UID]string{}, users: map[string]types.UID{},
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(namespace))
	pods, services := factory.Core().V1().Pods(), factory.Core().V1().Services()
	w.pods = pods.Lister().Pods(namespace)
	for _, informer := range []cache.SharedIndexInformer{pods.Informer(), services.Informer()} {
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    w.see,
			UpdateFunc: func(_, now any) { w.see(now) },
			DeleteFunc: w.seeEnd,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	factory.StartWithContext(t.Context())
	factory.WaitForCacheSyncWithContext(t.Context())
	return w
}

func (w *watcher) see(object any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch o := object.(type) {
	case *corev1.Service:
		if o.Labels[v1alpha1.LabelComponent] == "responder" {
			environment := o.Labels[v1alpha1.LabelEnvironment]
			w.responders[environment] = append(w.responders[environment], o.Spec.ClusterIP)
		}
	case *corev1.Pod:
		w.seeAddress(o)
		switch {
		case o.Labels["app"] == "front":
			w.seeLive(o)
		case o.Labels["app"] == "loose" && o.Status.PodIP != "":
			w.loose = o.Status.PodIP
		case o.Labels[v1alpha1.LabelComponent] == "responder":
			w.seeResponder(o, isReady(o))
		case o.Labels[v1alpha1.LabelComponent] == injection.ComponentWorkload:
			w.seeCopy(o)
		}
	}
}

// seeEnd notes that a responder has gone. What the informer did not see itself, the next list tells it.
func (w *watcher) seeEnd(object any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if last, unknown := object.(cache.DeletedFinalStateUnknown); unknown {
		object = last.Obj
	}
	if pod, is := object.(*corev1.Pod); is && pod.Labels[v1alpha1.LabelComponent] == "responder" {
		w.seeResponder(pod, false)
	}
}

func (w *watcher) seeResponder(pod *corev1.Pod, ready bool) {
	environment := pod.Labels[v1alpha1.LabelEnvironment]
	if ready || w.answering[pod.UID] {
		w.answers[environment] = time.Now()
	}
	if at, is := w.early[environment]; is && ready && time.Since(at) < together {
		delete(w.early, environment)
	}
	w.answering[pod.UID] = ready
	if !ready {
		delete(w.answering, pod.UID)
	}
}

// silence is how long no responder of an environment has been ready.
func (w *watcher) silence(environment string) time.Duration {
	pods, err := w.pods.List(labels.SelectorFromSet(labels.Set{
		v1alpha1.LabelEnvironment: environment, v1alpha1.LabelComponent: "responder",
	}))
	if err != nil {
		w.note("listing responders: %v", err)
	}
	for _, pod := range pods {
		if w.answering[pod.UID] {
			return 0
		}
	}
	return time.Since(w.answers[environment])
}

// seeAddress makes sure that an address tells who has sent a packet.
func (w *watcher) seeAddress(pod *corev1.Pod) {
	if pod.Status.PodIP == "" {
		return
	}
	if user, used := w.users[pod.Status.PodIP]; used && user != pod.UID {
		w.note("two pods had the address %s one after the other, so the capture cannot tell them apart", pod.Status.PodIP)
	}
	w.users[pod.Status.PodIP] = pod.UID
}

// seeLive notes what becomes of the pods of the live workload: nothing may happen to one of them.
func (w *watcher) seeLive(pod *corev1.Pod) {
	w.live[pod.UID] = pod.Name
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if status.RestartCount > 0 {
			w.note("live pod %s: container %s was restarted", pod.Name, status.Name)
		}
	}
}

// seeCopy notes a pod that is ready while it should not be.
func (w *watcher) seeCopy(pod *corev1.Pod) {
	environment := pod.Labels[v1alpha1.LabelEnvironment]
	if pod.Status.PodIP != "" {
		w.copies[pod.Status.PodIP] = environment
	}
	was, is := w.ready[pod.UID], isReady(pod)
	w.ready[pod.UID] = is
	if was && !is {
		w.unready[environment] = true
	}
	if !is {
		return
	}
	for _, status := range pod.Status.InitContainerStatuses {
		switch {
		case status.Name == wiring.InitContainerName && (status.State.Terminated == nil || status.State.Terminated.ExitCode != 0):
			w.note("pod %s is ready without its rules: %+v", pod.Name, status.State)
		case status.Name == wiring.ProxyContainerName && !status.Ready:
			w.note("pod %s is ready without its proxy: %+v", pod.Name, status.State)
		}
	}
	if _, is := w.early[environment]; !was && !is && w.silence(environment) > answered {
		w.early[environment] = time.Now()
	}
}

func (w *watcher) note(format string, args ...any) {
	w.wrong = append(w.wrong, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

// wasUnready tells whether a ready copy of the environment was seen to be not ready since it was last asked.
func (w *watcher) wasUnready(environment string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := w.unready[environment]
	delete(w.unready, environment)
	return was
}

// liveSeen is the number of pods of the live workload that there have been.
func (w *watcher) liveSeen() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.live)
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
