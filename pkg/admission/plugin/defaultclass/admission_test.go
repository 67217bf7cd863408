// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package defaultclass

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	at "github.com/restage-dev/restage/pkg/admission/admissiontest"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
)

func newPlugin(t *testing.T, classes ...runtime.Object) *Plugin {
	t.Helper()
	p := New()
	if p.ValidateInitialization() == nil {
		t.Error("a plugin without a client takes itself for complete")
	}
	p.SetReader(lookup.Reader{Client: fake.NewSimpleClientset(classes...)})
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func newest(name string) *v1alpha1.EnvironmentClass {
	class := at.Class(name, true)
	class.CreationTimestamp = metav1.Now()
	return class
}

func TestAdmit(t *testing.T) {
	equal := newest("a-equal")
	equal.CreationTimestamp = metav1.NewTime(time.Unix(1e9, 0))
	other := newest("b-equal")
	other.CreationTimestamp = equal.CreationTimestamp
	for _, test := range []struct {
		name, given, want string
		classes           []runtime.Object
	}{
		{"no class", "", "", nil},
		{"no default class", "", "", []runtime.Object{at.Class("big", false)}},
		{"default class", "", "standard", []runtime.Object{at.Class("big", false), at.Class("standard", true)}},
		{"newest", "", "new", []runtime.Object{at.Class("standard", true), newest("new")}},
		{"first by name of the same age", "", "a-equal", []runtime.Object{other, equal}},
		{"named", "big", "big", []runtime.Object{at.Class("standard", true)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			environment := &replay.Environment{ObjectMeta: at.Named("try"), Spec: replay.EnvironmentSpec{ClassName: test.given}}
			if err := newPlugin(t, test.classes...).Admit(t.Context(), at.Create("Environment", environment), nil); err != nil {
				t.Fatal(err)
			}
			if environment.Spec.ClassName != test.want {
				t.Errorf("class %q, want %q", environment.Spec.ClassName, test.want)
			}
		})
	}
}

// An environment that was made when there was no class keeps none.
func TestUpdatesAreLeftAlone(t *testing.T) {
	environment := &replay.Environment{ObjectMeta: at.Named("try")}
	if err := newPlugin(t, at.Class("standard", true)).Admit(t.Context(), at.Update("Environment", environment, environment.DeepCopy()), nil); err != nil {
		t.Fatal(err)
	}
	if environment.Spec.ClassName != "" {
		t.Errorf("class %q", environment.Spec.ClassName)
	}
}

func TestSecondDefaultClassIsWarnedOf(t *testing.T) {
	marked := func(name, value string) *replay.EnvironmentClass {
		class := &replay.EnvironmentClass{ObjectMeta: metav1.ObjectMeta{Name: name}}
		class.Annotations = map[string]string{v1alpha1.AnnotationDefaultClass: value}
		return class
	}
	ctx, warnings := at.Warnings(t)
	p := newPlugin(t, at.Class("standard", true))
	for name, request := range map[string]*replay.EnvironmentClass{"not default": marked("new", "false"), "itself": marked("standard", "true")} {
		if err := p.Validate(ctx, at.Create("EnvironmentClass", request), nil); err != nil || len(warnings()) > 0 {
			t.Errorf("%s: error %v, warnings %q", name, err, warnings())
		}
	}
	if err := p.Validate(ctx, at.Update("EnvironmentClass", marked("new", "true"), marked("new", "true")), nil); err != nil || len(warnings()) > 0 {
		t.Errorf("unchanged: error %v, warnings %q", err, warnings())
	}
	if err := p.Validate(ctx, at.Update("EnvironmentClass", marked("new", "true"), marked("new", "")), nil); err != nil {
		t.Fatal(err)
	}
	if got := warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "metadata.annotations[environmentclass.replay.restage.dev/is-default-class]: ") ||
		!strings.Contains(got[0], `"standard"`) {
		t.Errorf("warnings %q", got)
	}
}
