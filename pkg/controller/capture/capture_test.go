// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/controller/credentials"
	"github.com/restage-dev/restage/pkg/controller/descriptorset"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/workload"
)

// world is a cluster with the Deployment front, and a real forwarder.
type world struct {
	*testing.T
	cluster     *controllertest.Cluster
	conn        *grpc.ClientConn
	credentials int
	obstacle    string // to a change of a template
}

func newWorld(t *testing.T, namespaceLabels map[string]string) *world {
	t.Helper()
	w := &world{T: t, conn: controllertest.Forwarder(t, shop), cluster: controllertest.New(
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop, Labels: namespaceLabels}}, front())}
	return w
}

func (w *world) create(name string) {
	w.Helper()
	_, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Create(w.Context(), &v1alpha1.TrafficCapture{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: shop},
		Spec:       v1alpha1.TrafficCaptureSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}},
	}, metav1.CreateOptions{})
	if err != nil {
		w.Fatal(err)
	}
}

// reconcile runs a new reconciler on new caches, first for the finalizer and then for the rest.
func (w *world) reconcile(name string) {
	w.Helper()
	for range 2 {
		caches := w.cluster.Caches(w.T)
		r := &Reconciler{
			Kube:      w.cluster.Kube,
			Client:    w.cluster.Replay,
			Workloads: workload.Cache{Client: w.cluster.Workloads(), Informers: caches.Kube},
			Captures:  caches.Replay.TrafficCaptures().Lister(),
			Stats:     trafficpb.NewCapturesClient(w.conn),
			EnsureCredentials: func(context.Context, string) error {
				w.credentials++
				return nil
			},
			EnsureTLS:      (&credentials.Reconciler{Kube: w.cluster.Kube}).EnsureTLS,
			DescriptorSets: descriptorset.NewVerdicts(w.cluster.Kube, w.cluster.Metadata(w.T)),
			Obstacle:       func(context.Context, *workload.Workload) (string, error) { return w.obstacle, nil },
			Events:         record.NewFakeRecorder(100),
			Options:        Options{Image: "proxy:1", ImagePullPolicy: corev1.PullIfNotPresent, Forwarder: "forwarder:4143", Injection: w.cluster.Injection},
		}
		w.cluster.Acting(w.T, func() {
			if _, err := r.Reconcile(w.Context(), types.NamespacedName{Namespace: shop, Name: name}); err != nil {
				w.Fatal(err)
			}
		})
	}
}

func (w *world) get(name string) *v1alpha1.TrafficCapture {
	w.Helper()
	capture, err := w.cluster.Replay.ReplayV1alpha1().TrafficCaptures(shop).Get(w.Context(), name, metav1.GetOptions{})
	if err != nil {
		w.Fatal(err)
	}
	return capture
}

func (w *world) expect(name string, value metav1.ConditionStatus, reason, message string) {
	w.Helper()
	c := meta.FindStatusCondition(w.get(name).Status.Conditions, v1alpha1.ConditionReady)
	if c == nil || c.Status != value || c.Reason != reason || !strings.Contains(c.Message, message) {
		w.Errorf("Ready of %s is %+v, want %s, %s, %q", name, c, value, reason, message)
	}
}

func (w *world) hasProxy() bool {
	w.Helper()
	return hasSidecar(getDeployment(w.T, w.cluster, "front").Spec.Template.Spec)
}

// markDeleted does what the API server does to an object with finalizers.
func (w *world) markDeleted(name string) {
	w.Helper()
	capture := w.get(name)
	capture.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	if err := w.cluster.Replay.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("trafficcaptures"), capture, shop); err != nil {
		w.Fatal(err)
	}
}

func (w *world) addPod(name string, recording bool) {
	w.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: shop, Labels: map[string]string{"app": "front"}}}
	if recording {
		pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{
			Name: "restage-proxy", Started: ptr.To(true), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
		}}
	}
	if _, err := w.cluster.Kube.CoreV1().Pods(shop).Create(w.Context(), pod, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
}

func TestCapture(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	w.reconcile("front")
	if !w.hasProxy() || w.credentials == 0 {
		t.Fatalf("proxy %v, credentials %d", w.hasProxy(), w.credentials)
	}
	w.expect("front", metav1.ConditionFalse, reasonNoPods, "has no pods")
	w.addPod("front-1", true)
	w.addPod("front-2", false)
	w.reconcile("front")
	w.expect("front", metav1.ConditionFalse, reasonRollingOut, "1 of 2 pods")
	if err := w.cluster.Kube.CoreV1().Pods(shop).Delete(t.Context(), "front-2", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	w.expect("front", metav1.ConditionTrue, reasonRecording, "1 of 1 pods")

	w.markDeleted("front")
	w.reconcile("front")
	if w.hasProxy() || len(w.get("front").Finalizers) > 0 {
		t.Errorf("proxy %v, finalizers %v after the deletion", w.hasProxy(), w.get("front").Finalizers)
	}
}

// Pods that came without the proxy, since their namespace would refuse them with it, are told with the reason.
func TestPodsWithoutTheirProxy(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	w.addPod("front-1", true)
	w.addPod("front-2", false)
	pods := w.cluster.Kube.CoreV1().Pods(shop)
	pod, err := pods.Get(t.Context(), "front-2", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pod.Annotations = map[string]string{v1alpha1.AnnotationProxyLeftOut: `LimitRange "small" says no`}
	if _, err := pods.Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	w.expect("front", metav1.ConditionFalse, reasonLeftOut, `1 of 2 pods run the recording proxy; 1 were let in without it: LimitRange "small" says no`)
}

// A template that nobody keeps whole is not changed, and what was put into it before is taken out. What its owner put in stays.
func TestTemplatesThatAreNotKept(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	w.addPod("front-1", false)
	const obstacle = "nobody keeps them whole"
	for _, step := range []struct {
		obstacle string
		proxy    bool
	}{{obstacle, false}, {"", true}, {obstacle, false}} {
		w.obstacle = step.obstacle
		w.reconcile("front")
		if w.hasProxy() != step.proxy {
			t.Fatalf("with the obstacle %q there is a proxy: %t", step.obstacle, w.hasProxy())
		}
	}
	w.expect("front", metav1.ConditionFalse, reasonNotInjected, "Deployment front: "+obstacle)

	// as by kubectl rollout undo
	back := getDeployment(t, w.cluster, "front")
	patch().AddTo(&back.Spec.Template)
	metav1.SetMetaDataAnnotation(&back.Spec.Template.ObjectMeta, appliedAnnotation, "former")
	if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), back, metav1.UpdateOptions{FieldManager: "kubectl-rollout"}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	if w.hasProxy() {
		t.Error("a proxy that was brought back stays")
	}

	injected := getDeployment(t, w.cluster, "front")
	patch().AddTo(&injected.Spec.Template)
	if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), injected, metav1.UpdateOptions{FieldManager: "flux"}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	w.expect("front", metav1.ConditionFalse, reasonRollingOut, "0 of 1 pods")
	if !w.hasProxy() {
		t.Error("the proxy of the manifest was taken out")
	}
}

func TestStatusSaysWhatWasRecorded(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	at := time.Now().Truncate(time.Second)
	cut := controllertest.Exchange(1, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, at)
	cut.Defects = []trafficpb.Defect{trafficpb.Defect_DEFECT_CUT_OFF}
	controllertest.Push(t, w.conn, cut)
	w.reconcile("front")
	if diff := cmp.Diff(&v1alpha1.Completeness{Records: 1, Incomplete: 1, Percent: "0.00"}, w.get("front").Status.Completeness); diff != "" {
		t.Error(diff)
	}
	if last := w.get("front").Status.LastRecordTime; last == nil || last.Time.Before(at) {
		t.Errorf("last record at %v, want %v", last, at)
	}
}

func TestCaptureWithoutForwarder(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	w.addPod("front-1", true)
	if err := w.conn.Close(); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	w.expect("front", metav1.ConditionTrue, reasonRecording, "1 of 1 pods")
}

func TestRefusals(t *testing.T) {
	tests := map[string]struct {
		labels  map[string]string
		change  func(*appsv1.Deployment)
		reason  string
		message string
	}{
		"pod security": {labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"}, reason: reasonPodSecurity, message: "NET_ADMIN"},
		"host network": {change: func(d *appsv1.Deployment) { d.Spec.Template.Spec.HostNetwork = true }, reason: reasonRefused, message: "spec.template.spec.hostNetwork"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.labels)
			if test.change != nil {
				deployment := front()
				test.change(deployment)
				if _, err := w.cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), deployment, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			w.create("front")
			w.reconcile("front")
			w.expect("front", metav1.ConditionFalse, test.reason, test.message)
			if w.hasProxy() {
				t.Error("the proxy was added")
			}
		})
	}
}

func TestWorkloadThatDoesNotExist(t *testing.T) {
	w := newWorld(t, nil)
	w.create("front")
	if err := w.cluster.Kube.AppsV1().Deployments(shop).Delete(t.Context(), "front", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.reconcile("front")
	w.expect("front", metav1.ConditionFalse, reasonNotFound, `"front"`)
	w.markDeleted("front")
	w.reconcile("front")
	if finalizers := w.get("front").Finalizers; len(finalizers) > 0 {
		t.Errorf("finalizers are %v", finalizers)
	}
}

func TestOneCaptureAWorkload(t *testing.T) {
	w := newWorld(t, nil)
	w.create("a")
	w.create("b")
	w.reconcile("a")
	w.reconcile("b")
	w.expect("b", metav1.ConditionFalse, reasonDuplicate, "TrafficCapture a")
	w.markDeleted("b")
	w.reconcile("b")
	if !w.hasProxy() {
		t.Error("the deletion of the second capture took the proxy from the first")
	}
}
