// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package environment

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/inplace"
)

var errCrash = errors.New("crash")

func liveFront() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "front", Namespace: shop, UID: "front-uid", ResourceVersion: "1", Annotations: map[string]string{"team": "web"}},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "front"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "front", Image: "front:1"}}},
		}},
	}
}

// mondayInPlace has the front itself in it, with another image.
func mondayInPlace(t *testing.T) *v1alpha1.Environment {
	t.Helper()
	live := liveFront()
	base, err := inplace.Hash(&live.Spec.Template)
	if err != nil {
		t.Fatal(err)
	}
	live.Spec.Template.Spec.Containers[0].Image = "front:2"
	template, err := injection.InPlace(live.Spec.Template, injection.IsolateOptions{Environment: "monday", Workload: "front", Image: "proxy:1"})
	if err != nil {
		t.Fatal(err)
	}
	template.Annotations = map[string]string{v1alpha1.AnnotationInPlaceBase: base}
	environment := monday()
	environment.Spec.Workloads[0].Strategy = v1alpha1.StrategyInPlace
	environment.Spec.Workloads[0].Template = &template
	return environment
}

// inPlaceCluster has the live front, and does with dry runs of patches what an API server does, and the fake does not.
func inPlaceCluster(t *testing.T, environment *v1alpha1.Environment) *controllertest.Cluster {
	t.Helper()
	cluster := newCluster(t, snapshot(), environment)
	if err := cluster.Kube.Tracker().Add(liveFront()); err != nil {
		t.Fatal(err)
	}
	cluster.Kube.PrependReactor("patch", "deployments", func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch := action.(clienttesting.PatchActionImpl)
		if len(patch.PatchOptions.DryRun) == 0 {
			return false, nil, nil
		}
		changed := &appsv1.Deployment{}
		was, err := json.Marshal(liveFront())
		if err != nil {
			return true, nil, err
		}
		operations, err := jsonpatch.DecodePatch(patch.GetPatch())
		if err != nil {
			return true, nil, err
		}
		if was, err = operations.Apply(was); err != nil {
			return true, nil, err
		}
		if err := json.Unmarshal(was, changed); err != nil {
			return true, nil, err
		}
		return true, changed, nil
	})
	return cluster
}

func frontOf(t *testing.T, cluster *controllertest.Cluster) *appsv1.Deployment {
	t.Helper()
	front, err := cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return front
}

// bringUp reconciles as often as it takes until the front is in place.
func bringUp(t *testing.T, cluster *controllertest.Cluster) {
	t.Helper()
	for range 10 {
		if err := reconcile(t, cluster); err != nil {
			if _, missing := cluster.Kube.CoreV1().Services(shop).Get(t.Context(), "monday-responder", metav1.GetOptions{}); missing == nil {
				allot(t, cluster)
			}
		}
		if frontOf(t, cluster).Annotations[inplace.Annotation] != "" {
			return
		}
	}
	t.Fatalf("the front is not in place: %+v", status(t, cluster).Conditions)
}

// end marks the environment as being deleted, and reconciles until it is let go.
func end(t *testing.T, cluster *controllertest.Cluster) {
	t.Helper()
	environments := cluster.Replay.ReplayV1alpha1().Environments(shop)
	for range 10 {
		environment, err := environments.Get(t.Context(), "monday", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		now := metav1.Now()
		environment.DeletionTimestamp = &now
		if err := cluster.Replay.Tracker().Update(v1alpha1.SchemeGroupVersion.WithResource("environments"), environment, shop); err != nil {
			t.Fatal(err)
		}
		if len(environment.Finalizers) == 0 {
			return
		}
		if err := reconcile(t, cluster); err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
	t.Fatal("the environment is not let go")
}

func TestWorkloadIsInPlaceAndGivenBack(t *testing.T) {
	cluster := inPlaceCluster(t, mondayInPlace(t))
	bringUp(t, cluster)
	front := frontOf(t, cluster)
	spec := front.Spec.Template.Spec
	if spec.Containers[0].Image != "front:2" || spec.InitContainers[0].Name != "restage-init" || front.Annotations["team"] != "web" ||
		front.Spec.Template.Labels["app"] != "front" || front.Spec.Template.Labels[v1alpha1.LabelEnvironment] != "monday" {
		t.Errorf("the front in place is %+v", front)
	}
	if _, ok := front.Spec.Template.Annotations[v1alpha1.AnnotationInPlaceBase]; ok {
		t.Error("what only the controller needs is in the template")
	}
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Get(t.Context(), "monday-front", metav1.GetOptions{}); err == nil {
		t.Error("there is a copy as well")
	}
	end(t, cluster)
	if diff := cmp.Diff(liveFront().Spec, frontOf(t, cluster).Spec); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(liveFront().Annotations, frontOf(t, cluster).Annotations); diff != "" {
		t.Error(diff)
	}
}

// TestCrashAtEveryWriteOfAWorkloadInPlace breaks off the life of an environment at each write of the controller, before and after it took effect.
func TestCrashAtEveryWriteOfAWorkloadInPlace(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := 1; ; at++ {
			writes := 0
			t.Run(fmt.Sprintf("after=%v/%d", after, at), func(t *testing.T) {
				cluster := inPlaceCluster(t, mondayInPlace(t))
				crash := func(tracker clienttesting.ObjectTracker) clienttesting.ReactionFunc {
					react := clienttesting.ObjectReaction(tracker)
					return func(action clienttesting.Action) (bool, runtime.Object, error) {
						isPatch := action.GetVerb() == "patch" && slices.Contains([]string{"deployments", "environments"}, action.GetResource().Resource)
						if !isPatch && !(action.GetVerb() == "update" && action.GetResource().Resource == "environments") {
							return false, nil, nil
						}
						if patch, ok := action.(clienttesting.PatchActionImpl); ok && len(patch.PatchOptions.DryRun) > 0 {
							return false, nil, nil
						}
						if writes++; writes != at {
							return false, nil, nil
						}
						if after {
							if _, _, err := react(action); err != nil {
								return true, nil, err
							}
						}
						return true, nil, errCrash
					}
				}
				cluster.Kube.PrependReactor("*", "*", crash(cluster.Kube.Tracker()))
				cluster.Replay.PrependReactor("*", "*", crash(cluster.Replay.Tracker()))
				bringUp(t, cluster)
				end(t, cluster)
				if diff := cmp.Diff(liveFront().Spec, frontOf(t, cluster).Spec); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(liveFront().Annotations, frontOf(t, cluster).Annotations); diff != "" {
					t.Error(diff)
				}
			})
			if writes < at {
				if at < 5 { // the finalizer, the responder, the workload twice, the finalizer
					t.Fatalf("there were only %d writes", writes)
				}
				break
			}
		}
	}
}

func TestWorkloadThatHasChangedIsNotOverwritten(t *testing.T) {
	cluster := inPlaceCluster(t, mondayInPlace(t))
	changed := frontOf(t, cluster)
	changed.Spec.Template.Spec.Containers[0].Image = "front:1.1"
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), changed, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := reconcile(t, cluster); err != nil {
			allot(t, cluster)
		}
	}
	if got := ready(t, cluster); got.Reason != reasonChanged || !IsFinal(got.Reason) {
		t.Errorf("Ready is %+v", got)
	}
	if got := frontOf(t, cluster); got.Annotations[inplace.Annotation] != "" || got.Spec.Template.Spec.Containers[0].Image != "front:1.1" {
		t.Errorf("the front is %+v", got)
	}
}

func TestNothingIsPutInPlaceWhereTemplatesAreNotKept(t *testing.T) {
	cluster := inPlaceCluster(t, mondayInPlace(t))
	for range 3 {
		if err := reconcileWith(t, cluster, "nobody keeps them whole"); err != nil {
			allot(t, cluster)
		}
	}
	if got := ready(t, cluster); got.Reason != reasonNotInPlace || !IsFinal(got.Reason) || !strings.Contains(got.Message, "nobody keeps them whole; use Clone") {
		t.Errorf("Ready is %+v", got)
	}
	if got := frontOf(t, cluster); got.Annotations[inplace.Annotation] != "" {
		t.Errorf("the front is %+v", got)
	}
}

func TestWorkloadIsInOneEnvironmentAtATime(t *testing.T) {
	cluster := inPlaceCluster(t, mondayInPlace(t))
	taken := frontOf(t, cluster)
	taken.Annotations[inplace.Annotation] = `{"uid":"front-uid","environment":"sunday","environmentUID":"sunday-uid"}`
	if _, err := cluster.Kube.AppsV1().Deployments(shop).Update(t.Context(), taken, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := reconcile(t, cluster); err != nil {
			var inUse *inplace.TakenError
			if errors.As(err, &inUse) {
				break
			}
			allot(t, cluster)
		}
	}
	condition := meta.FindStatusCondition(status(t, cluster).Conditions, v1alpha1.ConditionReady)
	if condition == nil || condition.Reason != reasonInUse || condition.Message != `Deployment "front" is in place in environment "sunday" already; it can be in one at a time` {
		t.Errorf("Ready is %+v", condition)
	}
	end(t, cluster)
	if frontOf(t, cluster).Annotations[inplace.Annotation] == "" {
		t.Error("the front was taken from another environment")
	}
}
