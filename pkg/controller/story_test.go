// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubefake "k8s.io/client-go/kubernetes/fake"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apiserver/testserver"
	"github.com/restage-dev/restage/pkg/controller/apiregistration"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/exposition/expositiontest"
	"github.com/restage-dev/restage/pkg/goal"
	"github.com/restage-dev/restage/pkg/report"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
)

const shop = "shop"

// story is our real API server and a real forwarder, in a cluster in which the test does what Kubernetes' own
// controllers would.
type story struct {
	*testing.T
	c     *clients
	conn  *grpc.ClientConn
	first string // name of the first container of the copy of the workload
	state *health
}

func annotatedFront() *appsv1.Deployment {
	labels := map[string]string{"app": "front"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: "front", Namespace: shop, UID: "front-uid", ResourceVersion: "1", Annotations: map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"},
		},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "front", Image: "front:1", Ports: []corev1.ContainerPort{{ContainerPort: 9898, Protocol: corev1.ProtocolTCP}},
				}}},
			},
		},
	}
}

// newStory starts all parts, and the controller last.
func newStory(t *testing.T) *story {
	s := &story{T: t, conn: controllertest.Forwarder(t, shop), state: newHealth()}
	server, err := testserver.Start(t.Context(), s.conn,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ours}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop}},
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ClusterRole, UID: "role-uid"}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: wiring.ServerDeployment, Namespace: ours}},
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: wiring.ControllerDeployment, Namespace: ours}}, // or the server ends replays
		&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: apiregistration.ServiceName, Namespace: ours}},
		annotatedFront())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("the API server: %v", err)
		}
	})
	s.c = &clients{kube: server.Host, metadata: controllertest.Metadata(t), aggregator: aggregatorfake.NewClientset(), replay: server.Client, forwarder: s.conn}
	host := server.Host.(*kubefake.Clientset)
	host.Resources = controllertest.Policies()
	host.PrependReactor("create", "*", controllertest.Identify)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := lead(ctx, s.c, testOptions(t), s.state); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s
}

// eventually plays the cluster's part until the check holds.
func (s *story) eventually(what string, check func(ctx context.Context) bool) {
	s.Helper()
	eventually(s.T, what, func(ctx context.Context) (bool, error) {
		s.cluster(ctx)
		return check(ctx), nil
	})
}

// cluster brings up what is there: addresses for Services, pods for Deployments and Jobs; and it collects garbage.
func (s *story) cluster(ctx context.Context) {
	s.Helper()
	services, err := s.c.kube.CoreV1().Services(shop).List(ctx, metav1.ListOptions{})
	s.must(err)
	for _, service := range services.Items {
		if service.Spec.ClusterIP == "" {
			service.Spec.ClusterIP = "10.96.0.7"
			_, err := s.c.kube.CoreV1().Services(shop).Update(ctx, &service, metav1.UpdateOptions{})
			s.must(err)
		}
	}
	deployments, err := s.c.kube.AppsV1().Deployments(shop).List(ctx, metav1.ListOptions{LabelSelector: v1alpha1.LabelEnvironment})
	s.must(err)
	for _, deployment := range deployments.Items {
		if deployment.Name == "run-front" {
			s.first = deployment.Spec.Template.Spec.InitContainers[0].Name
		}
		deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: deployment.Generation, UpdatedReplicas: 1, AvailableReplicas: 1}
		_, err := s.c.kube.AppsV1().Deployments(shop).UpdateStatus(ctx, &deployment, metav1.UpdateOptions{})
		if !apierrors.IsConflict(err) {
			s.must(err)
		}
	}
	s.generate(ctx)
	s.collect(ctx)
}

// generate does the generator's work.
func (s *story) generate(ctx context.Context) {
	s.Helper()
	job, err := s.c.kube.BatchV1().Jobs(shop).Get(ctx, "run-generator", metav1.GetOptions{})
	if apierrors.IsNotFound(err) || err == nil && len(job.Status.Conditions) > 0 {
		return
	}
	s.must(err)
	replay, err := s.c.replay.ReplayV1alpha1().TrafficReplays(shop).Get(ctx, "run", metav1.GetOptions{})
	s.must(err)
	data, err := (&report.Report{
		Schema: report.Schema, Replay: wiring.Object{Namespace: shop, Name: "run", UID: string(replay.UID)},
		Passed: true, Reason: report.ReasonGoalsHold, Message: "2 requests replayed; every goal holds", Outbound: &report.Outbound{},
		Summary: report.Summary{Summary: goal.Summary{Requests: 2, Matches: goal.Matches{Total: 1, Exact: 1, Percent: 100}}},
	}).Encode()
	s.must(err)
	stream, err := trafficpb.NewReplaysClient(s.conn).PutReport(ctx)
	s.must(err)
	s.must(stream.Send(&trafficpb.ReportChunk{
		Replay: &trafficpb.ObjectRef{Namespace: shop, Name: "run", Uid: string(replay.UID)}, Data: data,
	}))
	_, err = stream.CloseAndRecv()
	s.must(err)
	job.Status = batchv1.JobStatus{Ready: ptr.To[int32](0), Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}}}
	_, err = s.c.kube.BatchV1().Jobs(shop).UpdateStatus(ctx, job, metav1.UpdateOptions{})
	s.must(err)
}

// collect ends the foreground deletion of environments.
func (s *story) collect(ctx context.Context) {
	s.Helper()
	environments := s.c.replay.ReplayV1alpha1().Environments(shop)
	all, err := environments.List(ctx, metav1.ListOptions{})
	s.must(err)
	for _, env := range all.Items {
		if env.DeletionTimestamp == nil || !slices.Contains(env.Finalizers, metav1.FinalizerDeleteDependents) {
			continue
		}
		for _, name := range []string{"run-front", "run-responder"} {
			if err := s.c.kube.AppsV1().Deployments(shop).Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
				s.must(err)
			}
		}
		env.Finalizers = nil
		if _, err := environments.Update(ctx, &env, metav1.UpdateOptions{}); !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			s.must(err)
		}
	}
}

// checkMetrics scrapes the controller, and looks for the replay that has passed.
func (s *story) checkMetrics() {
	s.Helper()
	answer := httptest.NewRecorder()
	s.state.handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	expositiontest.Check(s.T, answer.Body.Bytes(), "restage_controller_", nil, "restage-controller")
	for _, want := range []string{
		`restage_controller_objects{kind="TrafficReplay",phase="Passed"} 1`,
		`restage_controller_verdicts_total{result="passed"} 1`,
		`restage_controller_replayed_requests_total{result="same"} 2`,
		`restage_controller_reconcile_duration_seconds_count{controller="replay",result="success"}`,
		`workqueue_depth{name="replay"}`,
	} {
		if !strings.Contains(answer.Body.String(), want) {
			s.Errorf("the metrics do not have %s", want)
		}
	}
}

func (s *story) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *story) hasProxy(ctx context.Context) bool {
	s.Helper()
	deployment, err := s.c.kube.AppsV1().Deployments(shop).Get(ctx, "front", metav1.GetOptions{})
	s.must(err)
	return slices.ContainsFunc(deployment.Spec.Template.Spec.InitContainers, func(c corev1.Container) bool {
		return c.Name == wiring.ProxyContainerName
	})
}

// TestStory records, cuts, replays and clears up, with our own API server and forwarder as they are.
func TestStory(t *testing.T) {
	s := newStory(t)
	group := s.c.replay.ReplayV1alpha1()
	s.eventually("proxy in the annotated workload", s.hasProxy)

	at := time.Now().Add(-time.Minute)
	controllertest.Push(t, s.conn,
		controllertest.Exchange(1, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, at),
		controllertest.Exchange(2, trafficpb.Direction_DIRECTION_OUTBOUND, "back", 9898, at),
		controllertest.Exchange(3, trafficpb.Direction_DIRECTION_INBOUND, "front", 9898, at.Add(time.Second)))
	_, err := group.TrafficSnapshots(shop).Create(t.Context(), &v1alpha1.TrafficSnapshot{
		ObjectMeta: metav1.ObjectMeta{Name: "recorded"},
		Spec:       v1alpha1.TrafficSnapshotSpec{WorkloadRef: v1alpha1.WorkloadReference{Name: "front"}, Last: &metav1.Duration{Duration: time.Hour}},
	}, metav1.CreateOptions{})
	s.must(err)
	s.eventually("snapshot", func(ctx context.Context) bool {
		snapshot, err := group.TrafficSnapshots(shop).Get(ctx, "recorded", metav1.GetOptions{})
		s.must(err)
		return meta.IsStatusConditionTrue(snapshot.Status.Conditions, v1alpha1.ConditionReady) && snapshot.Status.Inbound == 2
	})

	_, err = group.TrafficReplays(shop).Create(t.Context(), &v1alpha1.TrafficReplay{
		ObjectMeta: metav1.ObjectMeta{Name: "run"}, Spec: v1alpha1.TrafficReplaySpec{SnapshotName: "recorded"},
	}, metav1.CreateOptions{})
	s.must(err)
	var last []metav1.Condition
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("conditions of the replay: %+v", last)
		}
	})
	s.eventually("verdict and clearing up", func(ctx context.Context) bool {
		replay, err := group.TrafficReplays(shop).Get(ctx, "run", metav1.GetOptions{})
		s.must(err)
		last = replay.Status.Conditions
		return meta.IsStatusConditionTrue(last, v1alpha1.ReplayPassed) && meta.IsStatusConditionTrue(last, v1alpha1.ReplayRestored) &&
			replay.Status.Summary.Requests == 2
	})
	if s.first != wiring.InitContainerName {
		t.Errorf("the first container of the copy is %q, want %q", s.first, wiring.InitContainerName)
	}

	s.checkMetrics()

	s.must(group.TrafficReplays(shop).Delete(t.Context(), "run", metav1.DeleteOptions{}))
	s.must(group.TrafficSnapshots(shop).Delete(t.Context(), "recorded", metav1.DeleteOptions{}))
	front, err := s.c.kube.AppsV1().Deployments(shop).Get(t.Context(), "front", metav1.GetOptions{})
	s.must(err)
	front.Annotations = nil
	_, err = s.c.kube.AppsV1().Deployments(shop).Update(t.Context(), front, metav1.UpdateOptions{})
	s.must(err)
	s.eventually("nothing left", func(ctx context.Context) bool {
		replays, err := group.TrafficReplays(shop).List(ctx, metav1.ListOptions{})
		s.must(err)
		snapshots, err := group.TrafficSnapshots(shop).List(ctx, metav1.ListOptions{})
		s.must(err)
		captures, err := group.TrafficCaptures(shop).List(ctx, metav1.ListOptions{})
		s.must(err)
		secrets, err := s.c.kube.CoreV1().Secrets(shop).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by"})
		s.must(err)
		return len(replays.Items)+len(snapshots.Items)+len(captures.Items)+len(secrets.Items) == 0 && !s.hasProxy(ctx)
	})
}
