// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workloadaccess

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	kubefake "k8s.io/client-go/kubernetes/fake"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
	"github.com/restage-dev/restage/pkg/wiring"
)

// court answers as a cluster would in which the caller has all rights but those named: "get secrets/db".
type court struct {
	denied []string
	err    error

	mutex sync.Mutex
	asked []string
}

func (c *court) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	question := a.GetVerb() + " " + a.GetResource()
	if a.GetSubresource() != "" {
		question += "." + a.GetSubresource()
	}
	if a.GetName() != "" {
		question += "/" + a.GetName()
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if a.GetUser().GetName() != at.Caller || a.GetNamespace() != at.Namespace || !a.IsResourceRequest() {
		question = fmt.Sprintf("%s of %v in %q", question, a.GetUser(), a.GetNamespace())
	}
	c.asked = append(c.asked, question)
	if c.err != nil {
		return authorizer.DecisionNoOpinion, "", c.err
	}
	if slices.Contains(c.denied, question) {
		return authorizer.DecisionNoOpinion, "", nil
	}
	return authorizer.DecisionAllow, "", nil
}

// newPlugin knows a workload front with two Secrets, and one without any.
func newPlugin(t *testing.T, c *court, change ...func(*corev1.PodSpec)) *Plugin {
	t.Helper()
	p := New()
	p.SetUnconditionalAuthorizer(c)
	p.SetWorkloads(workload.Source{Client: kubefake.NewClientset(at.Deployment("plain"), at.Deployment("front", append(change, func(spec *corev1.PodSpec) {
		spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
		spec.Containers[0].EnvFrom = []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "db"}}}}
		spec.Containers[0].Env = []corev1.EnvVar{secretVariable("TOKEN", "db")}
	})...))})
	p.SetReader(lookup.Reader{Client: fake.NewSimpleClientset(at.Snapshot("monday", "front"), at.Class("standard", true), at.Class("big", false))})
	p.SetProxyImage(at.ProxyImage)
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func secretVariable(name, secret string) corev1.EnvVar {
	return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "k",
	}}}
}

func newReplay(change func(*replay.TrafficReplaySpec)) admission.Attributes {
	r := &replay.TrafficReplay{ObjectMeta: at.Named("try"), Spec: replay.TrafficReplaySpec{SnapshotName: "monday"}}
	if change != nil {
		change(&r.Spec)
	}
	return at.Create("TrafficReplay", r)
}

func newEnvironment(class string, workloads ...string) admission.Attributes {
	e := &replay.Environment{ObjectMeta: at.Named("try"), Spec: replay.EnvironmentSpec{SnapshotName: "monday", ClassName: class}}
	for _, name := range workloads {
		e.Spec.Workloads = append(e.Spec.Workloads, at.Workload(name))
	}
	return at.Create("Environment", e)
}

func capture(ports ...int32) *replay.TrafficCapture {
	return &replay.TrafficCapture{ObjectMeta: at.Named("front"), Spec: replay.TrafficCaptureSpec{WorkloadRef: at.Workload("front").Ref, Ports: ports}}
}

// run takes a request through both phases, as the chain does.
func run(ctx context.Context, p *Plugin, a admission.Attributes) error {
	if err := p.Admit(ctx, a, nil); err != nil {
		return err
	}
	return p.Validate(ctx, a, nil)
}

func TestWhatIsAsked(t *testing.T) {
	for _, test := range []struct {
		name    string
		request admission.Attributes
		want    string
	}{
		{"capture", at.Create("TrafficCapture", capture()), "patch deployments/front"},
		{"changed ports", at.Update("TrafficCapture", capture(80), capture()), "patch deployments/front"},
		{"unchanged capture", at.Update("TrafficCapture", capture(80), capture(80)), ""},
		{"snapshot", at.Create("TrafficSnapshot", &replay.TrafficSnapshot{
			ObjectMeta: at.Named("monday"), Spec: replay.TrafficSnapshotSpec{WorkloadRef: at.Workload("front").Ref},
		}), "get deployments/front"},
		{"profile", at.Create("ReplayProfile", &replay.ReplayProfile{ObjectMeta: at.Named("fast")}), ""},
		{"environment", newEnvironment("", "plain"), "create pods, get deployments/plain, get trafficsnapshots/monday"},
		{"default class", newEnvironment("standard", "plain"), "create pods, get deployments/plain, get trafficsnapshots/monday"},
		{"other class", newEnvironment("big", "plain"), "create pods, get deployments/plain, get trafficsnapshots/monday, use environmentclasses/big"},
		{"workload of the snapshot", newReplay(nil),
			"create pods, get deployments/front, get secrets/db, get secrets/registry, get trafficsnapshots/monday"},
		{"Secret of an override", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Workloads = []replay.EnvironmentWorkload{at.Workload("plain")}
			s.Workloads[0].Containers = []replay.ContainerOverride{{Env: []corev1.EnvVar{secretVariable("ROOT", "root")}}}
		}), "create pods, get deployments/plain, get secrets/root, get trafficsnapshots/monday"},
		{"template that is not what will run", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Workloads = []replay.EnvironmentWorkload{at.Workload("front")}
			s.Workloads[0].Template = &corev1.PodTemplateSpec{}
		}), "create pods, get deployments/front, get secrets/db, get secrets/registry, get trafficsnapshots/monday"},
		{"class of a replay", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Workloads = []replay.EnvironmentWorkload{at.Workload("plain")}
			s.Environment = &replay.ReplayEnvironment{Template: &replay.ReplayEnvironmentTemplate{ClassName: "big"}}
		}), "create pods, get deployments/plain, get trafficsnapshots/monday, use environmentclasses/big"},
		{"standing environment", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Environment = &replay.ReplayEnvironment{Name: "standing"}
		}), "get environments/standing, get trafficsnapshots/monday"},
		{"target", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Mode, s.Target = replay.ModeLoadOnly, &replay.ReplayTarget{URL: "http://x"}
		}), "get trafficsnapshots.records/monday, get trafficsnapshots/monday"},
		{"nothing named", newEnvironment("", ""), "create pods, get trafficsnapshots/monday"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &court{}
			if err := run(t.Context(), newPlugin(t, c), test.request); err != nil {
				t.Fatal(err)
			}
			slices.Sort(c.asked)
			if got := strings.Join(slices.Compact(c.asked), ", "); got != test.want {
				t.Errorf("asked %s\nwant  %s", got, test.want)
			}
		})
	}
}

// Where no workload is changed a capture shows what the Deployment is, and no more.
func TestToReadIsEnoughWhereNothingIsChanged(t *testing.T) {
	c := &court{}
	p := newPlugin(t, c)
	p.SetInjection(wiring.InjectionManual)
	if err := run(t.Context(), p, at.Create("TrafficCapture", capture())); err != nil {
		t.Fatal(err)
	}
	if asked := slices.Compact(c.asked); !slices.Equal(asked, []string{"get deployments/front"}) {
		t.Errorf("asked %q", asked)
	}
	c.denied = []string{"get deployments/front"}
	if err := run(t.Context(), p, at.Create("TrafficCapture", capture())); !apierrors.IsForbidden(err) {
		t.Errorf("who may not read the workload gets %v", err)
	}
}

// Where a capture changes pods as they are made, whoever makes it must be allowed to make pods.
func TestToMakePodsIsNeededWherePodsAreChanged(t *testing.T) {
	for _, door := range []string{wiring.InjectionWebhook, wiring.InjectionPolicy} {
		c := &court{}
		p := newPlugin(t, c)
		p.SetInjection(door)
		if err := run(t.Context(), p, at.Create("TrafficCapture", capture())); err != nil {
			t.Fatal(err)
		}
		slices.Sort(c.asked)
		if asked := slices.Compact(c.asked); !slices.Equal(asked, []string{"create pods", "get deployments/front"}) {
			t.Errorf("%s: asked %q", door, asked)
		}
		c.denied = []string{"create pods"}
		if err := run(t.Context(), p, at.Create("TrafficCapture", capture())); !apierrors.IsForbidden(err) {
			t.Errorf("%s: who may not make pods gets %v", door, err)
		}
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	const inShop = ` in the namespace "shop"`
	for _, test := range []struct {
		name    string
		request admission.Attributes
		denied  []string
		want    []string
	}{
		{"capture", at.Create("TrafficCapture", capture()), []string{"patch deployments/front"},
			[]string{`spec.workloadRef.name: user "dev" cannot patch resource "deployments" in API group "apps"` + inShop + `, name "front"`}},
		{"everything at once", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Environment = &replay.ReplayEnvironment{Template: &replay.ReplayEnvironmentTemplate{ClassName: "big"}}
		}), []string{"create pods", "get secrets/db", "get secrets/registry", "use environmentclasses/big"}, []string{
			`spec.workloads: user "dev" cannot create resource "pods" in API group ""` + inShop,
			`spec.environment.template.className: user "dev" cannot use resource "environmentclasses" in API group "replay.restage.dev"` + inShop + `, name "big"`,
			`spec.workloads[0].template.spec.containers[0].envFrom[0].secretRef.name: user "dev" cannot get resource "secrets" in API group ""` + inShop + `, name "db"`,
			`spec.workloads[0].template.spec.imagePullSecrets[0].name: user "dev" cannot get resource "secrets" in API group ""` + inShop + `, name "registry"`,
		}},
		{"records for a target", newReplay(func(s *replay.TrafficReplaySpec) {
			s.Target = &replay.ReplayTarget{URL: "http://x"}
		}), []string{"get trafficsnapshots.records/monday"},
			[]string{`spec.target.url: user "dev" cannot get resource "trafficsnapshots/records"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := run(t.Context(), newPlugin(t, &court{denied: test.denied}), test.request)
			if !apierrors.IsForbidden(err) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q\nlacks %q", err, want)
				}
			}
			var status *apierrors.StatusError
			if !errors.As(err, &status) || len(status.ErrStatus.Details.Causes) != len(test.denied) {
				t.Errorf("causes of %+v", status)
			}
		})
	}
}

// What the caller may not read is not read on his behalf, and its Secrets are not told.
func TestRefusedBeforeReading(t *testing.T) {
	c := &court{denied: []string{"get deployments/front", "create pods", "get secrets/db"}}
	p := newPlugin(t, c)
	err := p.Admit(t.Context(), newEnvironment("", "front"), nil)
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "deployments") || !strings.Contains(err.Error(), "pods") {
		t.Errorf("an environment: error %v", err)
	}
	err = run(t.Context(), p, newReplay(nil))
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "deployments") || strings.Contains(err.Error(), "secrets") {
		t.Errorf("a replay: error %v", err)
	}
}

// The right to all Secrets is asked for in place of very many, so that nobody makes us ask without end.
func TestQuestionsAreBounded(t *testing.T) {
	many := func(spec *corev1.PodSpec) {
		for i := range 500 {
			spec.Volumes = append(spec.Volumes, corev1.Volume{Name: fmt.Sprint("v", i), VolumeSource: corev1.VolumeSource{
				Secret: &corev1.SecretVolumeSource{SecretName: fmt.Sprint("s", i)},
			}})
		}
	}
	c := &court{}
	if err := run(t.Context(), newPlugin(t, c, many), newReplay(nil)); err != nil {
		t.Fatal(err)
	}
	if len(c.asked) > 8 || !slices.Contains(c.asked, "get secrets") {
		t.Errorf("asked %d times: %v", len(c.asked), c.asked)
	}
	c = &court{denied: []string{"get secrets"}}
	if err := run(t.Context(), newPlugin(t, c, many), newReplay(nil)); !apierrors.IsForbidden(err) {
		t.Errorf("without the right to all: error %v", err)
	}
}

func TestHostThatDoesNotAnswer(t *testing.T) {
	err := run(t.Context(), newPlugin(t, &court{err: errors.New("no route")}), newReplay(nil))
	if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), "no route") {
		t.Errorf("error %v", err)
	}
}

func TestInitializationIsChecked(t *testing.T) {
	if err := New().ValidateInitialization(); err == nil {
		t.Error("a plugin that has nothing takes itself for complete")
	}
}

// A proxy that reads TLS is given Secrets, which the caller must be allowed to read himself.
func TestSecretsOfTLS(t *testing.T) {
	withTLS := capture()
	withTLS.Spec.TLS = &replay.CaptureTLS{Outbound: replay.TLSIntercept, ClientCertificateSecretName: "client", InboundSecretName: "own"}
	for name, a := range map[string]admission.Attributes{
		"created": at.Create("TrafficCapture", withTLS), "updated": at.Update("TrafficCapture", withTLS, capture()),
	} {
		c := &court{denied: []string{"get secrets/own"}}
		err := run(t.Context(), newPlugin(t, c), a)
		if err == nil || !strings.Contains(err.Error(), "spec.tls.inboundSecretName") {
			t.Errorf("%s: error %v does not name the field", name, err)
		}
		if !slices.Contains(c.asked, "get secrets/client") {
			t.Errorf("%s: asked was %v", name, c.asked)
		}
	}
}
