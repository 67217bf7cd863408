// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubefake "k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/capture"
	"github.com/restage-dev/restage/pkg/controller/controllertest"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

const home = "restage-system"

// injected is a workload whose template came with a proxy, as from Git.
func injected() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "front", UID: "front-uid", ResourceVersion: "1", ManagedFields: []metav1.ManagedFieldsEntry{{
			Manager: "flux", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "apps/v1", FieldsType: "FieldsV1",
			FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"app\"}":{".":{},"f:name":{}}},"f:initContainers":{"k:{\"name\":\"restage-proxy\"}":{".":{},"f:name":{}}}}}}}`),
		}}},
		Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"capture.restage.dev/applied": "1", "others.example/kept": "yes"}},
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: wiring.ProxyContainerName}, {Name: wiring.InitContainerName}, {Name: "migrate"}},
				Containers:     []corev1.Container{{Name: "app"}},
				Volumes:        []corev1.Volume{{Name: wiring.ForwarderVolume}, {Name: "data"}},
			},
		}},
	}
}

func installedObject(version, kind, namespace, name string, finalizers ...string) runtime.Object {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: version, Kind: kind},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: name, Finalizers: finalizers, Labels: map[string]string{v1alpha1.LabelPartOf: v1alpha1.PartOf},
		},
	}
}

// dead is a cluster with an installation whose API does not answer.
func dead(t *testing.T) *Clients {
	t.Helper()
	cluster := controllertest.New(injected())
	cluster.Kube.PrependReactor("create", "selfsubjectaccessreviews", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, &authorizationv1.SelfSubjectAccessReview{Status: authorizationv1.SubjectAccessReviewStatus{Allowed: true}}, nil
	})
	cluster.Replay.PrependReactor("list", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no server")
	})
	return &Clients{
		Kube: cluster.Kube,
		Metadata: controllertest.Metadata(t,
			installedObject("v1", "Namespace", "", home),
			installedObject("v1", "PersistentVolumeClaim", home, "restage-apiserver"),
			installedObject("v1", "ServiceAccount", home, "restage-controller", "replay.restage.dev/teardown"),
			installedObject("rbac.authorization.k8s.io/v1", "ClusterRole", "", "restage-controller", "replay.restage.dev/teardown"),
			installedObject("apiregistration.k8s.io/v1", "APIService", "", installation.APIService),
			installedObject("rbac.authorization.k8s.io/v1", "ClusterRole", "", "stage-manager"), // a user's, with the same label
			installedObject("scheduling.k8s.io/v1", "PriorityClass", "", "restage"),
			installedObject("v1", "ConfigMap", "shop", "settings"),
			installedObject("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "", wiring.PodLimits),
			installedObject("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", "", wiring.PodLimits),
		),
		Registrations: aggregatorfake.NewClientset(&apiregistrationv1.APIService{
			ObjectMeta: metav1.ObjectMeta{Name: installation.APIService},
			Spec:       apiregistrationv1.APIServiceSpec{Service: &apiregistrationv1.ServiceReference{Namespace: home, Name: "restage-apiserver"}},
		}),
		Own: cluster.Replay,
	}
}

func names(objects []Object) (all []string) {
	for _, o := range objects {
		all = append(all, o.Kind+" "+strings.TrimPrefix(o.Namespace+"/"+o.Name, "/"))
	}
	slices.Sort(all)
	return all
}

func TestSurveyRefusesWhatWouldBeLeft(t *testing.T) {
	plan, err := Survey(t.Context(), dead(t), Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"APIService " + installation.APIService, "Deployment shop/front"}; !slices.Equal(names(plan.Blockers), want) {
		t.Errorf("in the way are %v, want %v", plan.Blockers, want)
	}
	if plan.Served || plan.Namespace != home {
		t.Errorf("the plan is %+v", plan)
	}
}

// What kubectl restage inject has put into a workload in the cluster goes as a whole, and stands in no one's way.
func TestInjectedInTheCluster(t *testing.T) {
	c := dead(t)
	front, err := c.Kube.AppsV1().Deployments("shop").Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	of, err := workload.Of(front)
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]string{v1alpha1.AnnotationCaptureEnabled: "true"}
	if err := capture.Inject(t.Context(), workload.Client{Kube: c.Kube}, of, asked, map[string]any{"spec": map[string]any{}}); err != nil {
		t.Fatal(err)
	}
	plan, err := Survey(t.Context(), c, Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(names(plan.Blockers), "Deployment shop/front") {
		t.Errorf("in the way are %v", plan.Blockers)
	}
	removed(t, c, Options{Rescue: true, Timeout: time.Minute})
	if front, err = c.Kube.AppsV1().Deployments("shop").Get(t.Context(), "front", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if len(front.Annotations) > 0 || len(front.Spec.Template.Spec.InitContainers) != 1 {
		t.Errorf("the front has the annotations %v and the template %+v", front.Annotations, front.Spec.Template)
	}
}

func TestRescue(t *testing.T) {
	c := dead(t)
	o := Options{Rescue: true, Timeout: time.Minute}
	plan, err := Survey(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Blockers) > 0 {
		t.Fatalf("in the way are %v", plan.Blockers)
	}
	result, err := Remove(t.Context(), c, o, plan, func(line string) { t.Log(line) })
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Left) > 0 {
		t.Errorf("left are %v", result.Left)
	}
	want := []string{"APIService " + installation.APIService, "ClusterRole restage-controller", "Deployment shop/front",
		"MutatingAdmissionPolicy " + wiring.PodLimits, "MutatingAdmissionPolicyBinding " + wiring.PodLimits, "Namespace " + home,
		"PersistentVolumeClaim restage-system/restage-apiserver", "PriorityClass restage", "ServiceAccount restage-system/restage-controller"}
	if !slices.Equal(names(result.Removed), want) {
		t.Errorf("removed are %v, want %v", names(result.Removed), want)
	}
	front, err := c.Kube.AppsV1().Deployments("shop").Get(t.Context(), "front", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	template := front.Spec.Template
	if len(template.Spec.InitContainers) != 1 || template.Spec.InitContainers[0].Name != "migrate" || len(template.Spec.Volumes) != 1 || len(template.Annotations) != 1 {
		t.Errorf("the template is %+v", template)
	}
	if again, err := Survey(t.Context(), c, o); err != nil || !again.Empty() {
		t.Errorf("afterwards there is %+v, error %v", again, err)
	}
}

// The namespace that Helm makes has no label of ours, and stays as it does after helm uninstall; the plan says so.
func TestNamespaceOfOthersIsKept(t *testing.T) {
	c := dead(t)
	if _, err := c.Kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: home}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	plan, err := Survey(t.Context(), c, Options{Rescue: true, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Keep) > 0 {
		t.Errorf("kept is %v, although the manifests made the namespace", plan.Keep)
	}
	if err := c.Metadata.Resource(namespaces.resource).Delete(t.Context(), home, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if plan, err = Survey(t.Context(), c, Options{Rescue: true, Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(names(plan.Keep), []string{"Namespace " + home}) || !strings.Contains(plan.Keep[0].Reason, "kubectl delete namespace "+home) {
		t.Errorf("kept is %+v", plan.Keep)
	}
}

// removed looks at what there is, and removes it.
func removed(t *testing.T, c *Clients, o Options) (*Plan, *Result) {
	t.Helper()
	plan, err := Survey(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Remove(t.Context(), c, o, plan, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	return plan, result
}

func TestKeepData(t *testing.T) {
	c := dead(t)
	_, result := removed(t, c, Options{Rescue: true, KeepData: true, Timeout: time.Minute})
	want := []string{"Namespace " + home, "PersistentVolumeClaim restage-system/restage-apiserver"}
	if !slices.Equal(names(result.Kept), want) || len(result.Left) > 0 {
		t.Errorf("kept are %v, left are %v", result.Kept, result.Left)
	}
	if slices.Contains(names(result.Removed), want[0]) || slices.Contains(names(result.Removed), want[1]) {
		t.Errorf("removed are %v", names(result.Removed))
	}
}

// addedAtCreation adds a pod that got the proxy as it was made, and what made it.
func addedAtCreation(t *testing.T, c *Clients) {
	t.Helper()
	by := func(kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}}
	}
	_, err := c.Kube.AppsV1().Deployments("shop").Create(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "back", UID: "back"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Kube.AppsV1().ReplicaSets("shop").Create(t.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: "back-5d9", OwnerReferences: by("Deployment", "back")},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Kube.CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "back-5d9-a", Labels: map[string]string{"pod-template-hash": "5d9"}, OwnerReferences: by("ReplicaSet", "back-5d9")},
		Spec:       injected().Spec.Template.Spec,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

const restartBack = "kubectl -n shop rollout restart deployment/back"

// Nothing takes a proxy out of a pod: it is refused to leave one behind, and what is left after a rescue, or with force, is said, with what rids of it.
func TestPodsThatKeepTheProxy(t *testing.T) {
	c := dead(t)
	addedAtCreation(t, c)
	plan, err := Survey(t.Context(), c, Options{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	said := func(objects []Object) bool {
		return slices.ContainsFunc(objects, func(o Object) bool {
			return o.Kind == "Deployment" && o.Namespace == "shop" && o.Name == "back" && strings.Contains(o.Reason, restartBack)
		})
	}
	if !said(plan.Blockers) || len(plan.Leave) > 0 {
		t.Errorf("in the way are %v, left are %v", plan.Blockers, plan.Leave)
	}

	rescue := Options{Rescue: true, Timeout: time.Minute}
	if plan, err = Survey(t.Context(), c, rescue); err != nil {
		t.Fatal(err)
	}
	if len(plan.Blockers) > 0 || !said(plan.Leave) {
		t.Errorf("in the way of a rescue are %v, left are %v", plan.Blockers, plan.Leave)
	}
	result, err := Remove(t.Context(), c, rescue, plan, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Left) != 1 || !said(result.Left) {
		t.Errorf("left are %v", result.Left)
	}
	again, err := Survey(t.Context(), c, rescue)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Empty() || !said(again.Leave) {
		t.Errorf("afterwards there is %+v", again)
	}
}

// A recorded workload replaces its pods once the proxy is out of its template: nothing is read of each of them.
func TestPodsOfRecordedWorkloadsAreNotLookedAt(t *testing.T) {
	c := dead(t)
	_, err := c.Kube.CoreV1().Pods("shop").Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "front-5d9-a", Labels: map[string]string{"pod-template-hash": "5d9"}, OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "front-5d9", UID: "front-5d9", Controller: ptr.To(true)},
		}},
		Spec: injected().Spec.Template.Spec,
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	cluster := c.Kube.(*kubefake.Clientset)
	if _, err := Survey(t.Context(), c, Options{Timeout: time.Minute}); err != nil {
		t.Fatal(err)
	}
	for _, action := range cluster.Actions() {
		if action.GetVerb() == "get" && action.GetResource().Resource == "replicasets" {
			t.Errorf("it reads %s", action.(clienttesting.GetAction).GetName())
		}
	}
}

// A rescue is made without knowing which pods keep the proxy, and says that it does not.
func TestRescueWithoutPods(t *testing.T) {
	c := dead(t)
	c.Kube.(*kubefake.Clientset).PrependReactor("list", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("no pods today")
	})
	if _, err := Survey(t.Context(), c, Options{Timeout: time.Minute}); err == nil {
		t.Error("without a rescue it goes on")
	}
	rescue := Options{Rescue: true, Timeout: time.Minute}
	plan, result := removed(t, c, rescue)
	for _, left := range [][]Object{plan.Leave, result.Left} {
		if len(left) != 1 || left[0].Kind != "Pod" || !strings.Contains(left[0].Reason, "no pods today") {
			t.Errorf("left are %v", left)
		}
	}
	if !slices.Contains(names(result.Removed), "Deployment shop/front") {
		t.Errorf("removed are %v", names(result.Removed))
	}
}
