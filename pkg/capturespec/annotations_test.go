// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capturespec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/traffic/redact"
	"github.com/restage-dev/restage/pkg/traffic/selection"
	"github.com/restage-dev/restage/pkg/wiring"
)

func examples() map[string]string {
	annotations := map[string]string{v1alpha1.AnnotationCaptureEnabled: "true", v1alpha1.AnnotationCaptureInjected: "", "other": "kept"}
	for _, annotation := range Annotations() {
		annotations[annotation.Name] = annotation.Example
	}
	return annotations
}

func TestFromAnnotations(t *testing.T) {
	got, err := FromAnnotations(examples())
	if err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.TrafficCaptureSpec{
		Ports: []int32{8080, 9090},
		Ignore: &v1alpha1.CaptureIgnore{
			InboundPorts: []int32{9797}, OutboundPorts: []int32{4317, 4318},
			CIDRs: []string{"10.96.0.0/12", "fd00::/8"}, Hosts: []string{"*.datadoghq.com", "otel-collector"},
		},
		TLS: &v1alpha1.CaptureTLS{
			Outbound: v1alpha1.TLSIntercept, TrustedCAsConfigMapName: "company-cas", ClientCertificateSecretName: "checkout-client", InboundSecretName: "checkout-tls",
		},
		DescriptorSetConfigMapName: "checkout-descriptors",

		SamplePercent: ptr.To[int32](25), BodyLimitBytes: ptr.To[int64](64 << 10),
		Redaction: &v1alpha1.CaptureRedaction{
			DisabledDetectors: []v1alpha1.Detector{"Email"},
			Rules: []v1alpha1.RedactionRule{
				{Name: "header-1", Header: "X-Customer"}, {Name: "header-2", Header: "X-Iban"},
				{Name: "json-path-1", JSONPath: "$.customer.name"}, {Name: "json-path-2", JSONPath: "$..iban"},
				{Name: "regexp-1", Regexp: "order-([0-9]{8})"},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	settings := Settings("front", got, []int32{1})
	if _, err := wiring.ParseCaptureSettings(settings.Argument()); err != nil {
		t.Error(err)
	}
	if _, err := selection.New(settings, ""); err != nil {
		t.Error(err)
	}
	if _, err := redact.NewRandom().With(settings.Redaction); err != nil {
		t.Error(err)
	}
}

func TestFromAnnotationsRefuses(t *testing.T) {
	for name, test := range map[string]struct{ value, want string }{
		"ports":                     {"80,http", `"80,http": "http" is not a port; allowed are ports from 1 to 65535`},
		"ignore-inbound-ports":      {"0", `"0" is not a port`},
		"ignore-outbound-ports":     {"70000", `"70000" is not a port`},
		"ignore-cidrs":              {"10.0.0.1", `"10.0.0.1" is not a network`},
		"ignore-hosts":              {"*db", `"*db" is not a host`},
		"sample-percent":            {"0", "not a percentage; allowed are a whole number from 1 to 100"},
		"body-limit":                {"2Mi", "out of range; allowed are a quantity of bytes from 0 to 1Mi"},
		"redact-disabled-detectors": {"email", `"email" is not a detector; allowed are detectors, separated by commas: Token, Card`},
		"redact-headers":            {"a b", `header: "a b" is not the name of a header`},
		"redact-json-paths":         {"name", `jsonPath: path "name" must begin with $`},
		"redact-regexps":            {"(", "regexp: error parsing regexp: missing closing )"},
		"redact-everything":         {"x", "annotation capture.restage.dev/redact-everything is not known; allowed are"},
	} {
		_, err := FromAnnotations(map[string]string{prefix + name: test.value})
		if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), prefix+name) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	many := make([]string, redact.MaxRules+1)
	for i := range many {
		many[i] = fmt.Sprintf("X-%d", i)
	}
	if _, err := FromAnnotations(map[string]string{prefix + "redact-headers": strings.Join(many, ",")}); err == nil || !strings.Contains(err.Error(), "at most 32") {
		t.Errorf("too many rules: error %v", err)
	}
}

func TestDefaultSettings(t *testing.T) {
	want := wiring.NewCaptureSettings("front", []uint16{9898})
	if diff := cmp.Diff(want, Settings("front", v1alpha1.TrafficCaptureSpec{}, []int32{9898})); diff != "" {
		t.Error(diff)
	}
	spec := v1alpha1.TrafficCaptureSpec{Ignore: &v1alpha1.CaptureIgnore{InboundPorts: []int32{9797}}}
	if got := Settings("front", spec, []int32{9797, 9898}).Ports; !slices.Equal(got, []uint16{9898}) {
		t.Errorf("ports %v", got)
	}
}

// The page has a row for every annotation, and none for another.
func TestAnnotationsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "capture.md"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, a := range Annotations() {
		want = append(want, fmt.Sprintf("| `%s` | `%s` | %s | `%s` |", a.Name, a.Field, a.Allowed, a.Example))
	}
	var got []string
	for line := range strings.Lines(string(page)) {
		if strings.HasPrefix(line, "| `"+prefix) && !strings.Contains(line, v1alpha1.AnnotationCaptureEnabled) {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/reference/capture.md (- code + page):\n%s", diff)
	}
}
