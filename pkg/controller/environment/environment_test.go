// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const (
	shop      = "shop"
	clusterIP = "10.96.0.7"
)

var key = types.NamespacedName{Namespace: shop, Name: "monday"}

func snapshot() *v1alpha1.TrafficSnapshot {
	return &v1alpha1.TrafficSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: "recorded", Namespace: shop, UID: "snapshot-uid"},
		Spec:       v1alpha1.TrafficSnapshotSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}},
		Status: v1alpha1.TrafficSnapshotStatus{
			Inbound:    10,
			Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: "Built"}},
			Slices: []v1alpha1.Slice{
				{Key: "front:9898", Direction: v1alpha1.DirectionInbound},
				{Key: "front:9999", Direction: v1alpha1.DirectionInbound},
				{Key: "back:9898", Direction: v1alpha1.DirectionOutbound},
				{Key: "api.example.com:80", Direction: v1alpha1.DirectionOutbound},
			},
		},
	}
}

func monday() *v1alpha1.Environment {
	template, err := injection.Isolate(corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "front", Image: "front:1", Ports: []corev1.ContainerPort{{ContainerPort: 9898}},
	}}}}, injection.IsolateOptions{Environment: "monday", Workload: "front", Image: "proxy:1"})
	if err != nil {
		panic(err)
	}
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Name: "monday", Namespace: shop, UID: "monday-uid", Generation: 1, Labels: map[string]string{v1alpha1.LabelReplay: "run"}},
		Spec: v1alpha1.EnvironmentSpec{
			SnapshotName: "recorded",
			Workloads:    []v1alpha1.EnvironmentWorkload{{Name: "front", Ref: v1alpha1.WorkloadReference{Name: "front"}, Template: &template}},
			Responder:    v1alpha1.ResponderProfile{OnMiss: v1alpha1.MissFail, Latency: v1alpha1.LatencyRecorded},
		},
	}
}

// newCluster gives Services an address, as a real one does.
func newCluster(t *testing.T, objects ...runtime.Object) *controllertest.Cluster {
	t.Helper()
	cluster := controllertest.New()
	for _, object := range objects {
		if err := cluster.Replay.Tracker().Add(object); err != nil {
			t.Fatal(err)
		}
	}
	return cluster
}

// allot does what the API server does to a Service.
func allot(t *testing.T, cluster *controllertest.Cluster) {
	t.Helper()
	services := cluster.Kube.CoreV1().Services(shop)
	service, err := services.Get(t.Context(), "monday-responder", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	service.Spec.ClusterIP = clusterIP
	if _, err := services.Update(t.Context(), service, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// reconcile runs a new reconciler on new caches once.
func reconcile(t *testing.T, cluster *controllertest.Cluster) (err error) {
	t.Helper()
	return reconcileWith(t, cluster, "")
}

// reconcileWith does so where an obstacle keeps templates of live workloads from being changed; empty for none.
func reconcileWith(t *testing.T, cluster *controllertest.Cluster, obstacle string) (err error) {
	t.Helper()
	caches := cluster.Caches(t)
	r := &Reconciler{
		Kube:              cluster.Kube,
		Client:            cluster.Replay,
		Environments:      caches.Replay.Environments().Lister(),
		Classes:           caches.Replay.EnvironmentClasses().Lister(),
		Snapshots:         caches.Replay.TrafficSnapshots().Lister(),
		Deployments:       caches.Kube.Apps().V1().Deployments().Lister(),
		Jobs:              caches.Kube.Batch().V1().Jobs().Lister(),
		Workloads:         workload.Cache{Client: cluster.Workloads(), Informers: caches.Kube},
		Pods:              caches.Kube.Core().V1().Pods().Lister(),
		EnsureCredentials: func(context.Context, string) error { return nil },
		Egress:            NewEgress(cluster.Kube, dialNobody).Read,
		Obstacle:          func(context.Context, *workload.Workload) (string, error) { return obstacle, nil },
		Events:            record.NewFakeRecorder(100),
		Options:           Options{ResponderImage: "responder:1", ImagePullPolicy: corev1.PullIfNotPresent, Forwarder: "forwarder:4143"},
	}
	cluster.Acting(t, func() { _, err = r.Reconcile(t.Context(), key) })
	return err
}

func ready(t *testing.T, cluster *controllertest.Cluster) metav1.Condition {
	t.Helper()
	environment, err := cluster.Replay.ReplayV1alpha1().Environments(shop).Get(t.Context(), "monday", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	condition := meta.FindStatusCondition(environment.Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil {
		t.Fatal("there is no Ready condition")
	}
	return *condition
}

// build reconciles until the Service has an address and all is made.
func build(t *testing.T, cluster *controllertest.Cluster) {
	t.Helper()
	if err := reconcile(t, cluster); err == nil || !strings.Contains(err.Error(), "has no address yet") {
		t.Fatalf("got %v, want an error that says that the Service has no address", err)
	}
	allot(t, cluster)
	if err := reconcile(t, cluster); err != nil {
		t.Fatal(err)
	}
}

func TestEnvironmentIsBuilt(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	build(t, cluster)
	ctx := t.Context()

	role, err := cluster.Kube.RbacV1().Roles(shop).Get(ctx, "monday-responder", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]rbacv1.PolicyRule{{
		APIGroups: []string{"replay.restage.dev"}, Resources: []string{"trafficsnapshots/records"}, ResourceNames: []string{"recorded"}, Verbs: []string{"get"},
	}}, role.Rules); diff != "" {
		t.Errorf("rights of the responder: %s", diff)
	}
	settings, err := cluster.Kube.CoreV1().ConfigMaps(shop).Get(ctx, "monday-responder", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var play wiring.PlaySettings
	if err := json.Unmarshal([]byte(settings.Data["responder.json"]), &play); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wiring.PlaySettings{
		Snapshot: wiring.Object{Namespace: shop, Name: "recorded", UID: "snapshot-uid"}, OnMiss: "Fail", Latency: "Recorded",
	}, play); diff != "" {
		t.Errorf("settings of the responder: %s", diff)
	}
	link, err := cluster.Kube.CoreV1().ConfigMaps(shop).Get(ctx, "monday-link", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"responder": clusterIP + ":4141", "control": clusterIP + ":4142"}, link.Data); diff != "" {
		t.Errorf("link: %s", diff)
	}
	clone, err := cluster.Kube.AppsV1().Deployments(shop).Get(ctx, "monday-front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*monday().Spec.Workloads[0].Template, clone.Spec.Template); diff != "" {
		t.Errorf("the copy is not what was compiled (-compiled +copy):\n%s", diff)
	}
	service, err := cluster.Kube.CoreV1().Services(shop).Get(ctx, "monday-front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var ports []int32
	for _, port := range service.Spec.Ports {
		ports = append(ports, port.Port)
	}
	if diff := cmp.Diff([]int32{9898, 9999}, ports); diff != "" {
		t.Errorf("ports, declared and recorded: %s", diff)
	}
	for _, object := range []metav1.Object{role, settings, link, clone, service} {
		owner := metav1.GetControllerOf(object)
		if owner == nil || owner.UID != "monday-uid" || owner.BlockOwnerDeletion == nil || !*owner.BlockOwnerDeletion {
			t.Errorf("%s has the owner %+v", object.GetName(), owner)
		}
		if object.GetLabels()[v1alpha1.LabelEnvironment] != "monday" || object.GetLabels()[v1alpha1.LabelReplay] != "run" {
			t.Errorf("%s has the labels %v", object.GetName(), object.GetLabels())
		}
	}
}

func TestTokenStaysTheSame(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	build(t, cluster)
	read := func() map[string]string {
		secret, err := cluster.Kube.CoreV1().Secrets(shop).Get(t.Context(), "monday-link", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return secret.StringData
	}
	first := read()
	if len(first["token"]) < 20 {
		t.Errorf("the token is short: %d characters", len(first["token"]))
	}
	if err := reconcile(t, cluster); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, read()); diff != "" {
		t.Error("the token has changed")
	}
}

func setStatus(t *testing.T, cluster *controllertest.Cluster, name string, available int32) {
	t.Helper()
	deployments := cluster.Kube.AppsV1().Deployments(shop)
	deployment, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: deployment.Generation, UpdatedReplicas: 1, AvailableReplicas: available}
	if _, err := deployments.UpdateStatus(t.Context(), deployment, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestReadyTellsWhatIsNot(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	build(t, cluster)
	expect := func(status metav1.ConditionStatus, reason, message string) {
		t.Helper()
		if err := reconcile(t, cluster); err != nil {
			t.Fatal(err)
		}
		got := ready(t, cluster)
		if got.Status != status || got.Reason != reason || !strings.Contains(got.Message, message) || got.ObservedGeneration != 1 {
			t.Errorf("Ready is %+v, want %s, %s, %q", got, status, reason, message)
		}
	}
	expect(metav1.ConditionFalse, reasonResponder, "has no pods yet")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "monday-responder-1", Namespace: shop, Labels: responderLabels("monday")},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{
			Name: "responder", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}},
		}}},
	}
	if _, err := cluster.Kube.CoreV1().Pods(shop).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	expect(metav1.ConditionFalse, reasonResponder, "pod monday-responder-1: container responder: ImagePullBackOff: no such image")
	setStatus(t, cluster, "monday-responder", 1)
	expect(metav1.ConditionFalse, reasonWorkload, "workload front: has no pods yet")
	setStatus(t, cluster, "monday-front", 1)
	expect(metav1.ConditionTrue, reasonReady, "1 of 1 workloads")
	setStatus(t, cluster, "monday-front", 0)
	expect(metav1.ConditionFalse, reasonWorkload, "workload front")
}

func TestNothingIsMadeWhenSomethingIsMissing(t *testing.T) {
	pending := snapshot()
	pending.Status.Conditions = nil
	tests := map[string]struct {
		snapshot *v1alpha1.TrafficSnapshot
		change   func(*v1alpha1.Environment)
		reason   string
		message  string
	}{
		"snapshot that is not ready": {snapshot: pending, reason: reasonSnapshot, message: `"recorded"`},
		"no snapshot": {snapshot: snapshot(), reason: reasonNoSnapshot, message: `"other"`,
			change: func(e *v1alpha1.Environment) { e.Spec.SnapshotName = "other" }},
		"no class": {snapshot: snapshot(), reason: reasonNoClass, message: `"gold"`,
			change: func(e *v1alpha1.Environment) { e.Spec.ClassName = "gold" }},
		"unknown mock": {snapshot: snapshot(), reason: reasonMocks, message: `spec.workloads[0].mocks: no slice matches "database"`,
			change: func(e *v1alpha1.Environment) { e.Spec.Workloads[0].Mocks = []string{"database"} }},
		"no template": {snapshot: snapshot(), reason: reasonNotCompiled, message: `"front"`,
			change: func(e *v1alpha1.Environment) { e.Spec.Workloads[0].Template = nil }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			environment := monday()
			if test.change != nil {
				test.change(environment)
			}
			cluster := newCluster(t, test.snapshot, environment)
			if err := reconcile(t, cluster); err != nil {
				t.Fatal(err)
			}
			if got := ready(t, cluster); got.Status != metav1.ConditionFalse || got.Reason != test.reason || !strings.Contains(got.Message, test.message) {
				t.Errorf("Ready is %+v, want %s, %q", got, test.reason, test.message)
			}
			for _, action := range cluster.Kube.Actions() {
				if verb := action.GetVerb(); verb == "create" || verb == "patch" {
					t.Errorf("%s of %s", verb, action.GetResource().Resource)
				}
			}
		})
	}
}

func TestForeignObjectsAreLeftAlone(t *testing.T) {
	cluster := newCluster(t, snapshot(), monday())
	live := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "monday-front", Namespace: shop, Labels: map[string]string{"app": "production"}}}
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Create(t.Context(), live, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	before, err := cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "monday-front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := reconcile(t, cluster); err == nil {
		t.Fatal("want an error: the Service has no address yet")
	}
	allot(t, cluster)
	if err := reconcile(t, cluster); err == nil {
		t.Error("want an error, so that it is tried again")
	}
	if got := ready(t, cluster); got.Reason != reasonTaken || !strings.Contains(got.Message, `Deployment "monday-front"`) {
		t.Errorf("Ready is %+v", got)
	}
	after, err := cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "monday-front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("a Deployment of production was changed:\n%s", diff)
	}
}
