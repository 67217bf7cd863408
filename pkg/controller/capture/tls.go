// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/capturespec"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// Reasons of the TLSRead condition.
const (
	reasonReading       = "Reading"
	reasonPassedThrough = "PassedThrough"
	reasonKept          = "VariablesKept"
	reasonMissing       = "ReferenceNotFound"
	reasonUnknown       = "VariablesUnknown"
)

const (
	// untouchedFor is how long a connection that was passed through is spoken of.
	untouchedFor = time.Hour
	// mostPlaces are named in a condition.
	mostPlaces = 5
)

// withAllVariables returns the template with the variables that containers take from ConfigMaps and Secrets as a whole among their own, by
// their names: what is set there must not be set over either.
func (r *Reconciler) withAllVariables(ctx context.Context, w *workload.Workload) (corev1.PodTemplateSpec, error) {
	template := *w.Template.DeepCopy()
	for _, containers := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			for _, source := range c.EnvFrom {
				names, err := r.variables(ctx, w.GetNamespace(), source)
				if err != nil {
					return template, fmt.Errorf("reading the variables of container %q: %w", c.Name, err)
				}
				for _, name := range names {
					c.Env = append(c.Env, corev1.EnvVar{Name: source.Prefix + name})
				}
			}
		}
	}
	return template, nil
}

// variables are the names in a ConfigMap or a Secret; none when it is not there.
func (r *Reconciler) variables(ctx context.Context, namespace string, source corev1.EnvFromSource) (names []string, err error) {
	switch {
	case source.ConfigMapRef != nil:
		var object *corev1.ConfigMap
		if object, err = r.Kube.CoreV1().ConfigMaps(namespace).Get(ctx, source.ConfigMapRef.Name, metav1.GetOptions{}); err == nil {
			for name := range object.Data {
				names = append(names, name)
			}
		}
	case source.SecretRef != nil:
		var object *corev1.Secret
		if object, err = r.Kube.CoreV1().Secrets(namespace).Get(ctx, source.SecretRef.Name, metav1.GetOptions{}); err == nil {
			for name := range object.Data {
				names = append(names, name)
			}
		}
	}
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return names, err
}

// missing names what the spec refers to and is not there, "" when nothing is.
func (r *Reconciler) missing(ctx context.Context, capture *v1alpha1.TrafficCapture) (string, error) {
	tls := capture.Spec.TLS
	for _, name := range []string{tls.ClientCertificateSecretName, tls.InboundSecretName} {
		if name == "" {
			continue
		}
		_, err := r.Kube.CoreV1().Secrets(capture.Namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return fmt.Sprintf("Secret %q", name), nil
		}
		if err != nil {
			return "", err
		}
	}
	if name := tls.TrustedCAsConfigMapName; name != "" {
		_, err := r.Kube.CoreV1().ConfigMaps(capture.Namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return fmt.Sprintf("ConfigMap %q", name), nil
		}
		return "", err
	}
	return "", nil
}

// observeTLS says whether TLS is read as the capture asks for. Without an answer of the forwarder what was said before stays.
func (r *Reconciler) observeTLS(ctx context.Context, capture *v1alpha1.TrafficCapture, w *workload.Workload, stats *trafficpb.StatsResponse) error {
	if capturespec.TLS(capture.Spec.TLS) == (injection.TLS{}) {
		meta.RemoveStatusCondition(&capture.Status.Conditions, v1alpha1.ConditionTLSRead)
		return nil
	}
	missing, err := r.missing(ctx, capture)
	if err != nil {
		return fmt.Errorf("reading what spec.tls refers to: %w", err)
	}
	if missing == "" && stats == nil {
		return nil
	}
	template, err := r.withAllVariables(ctx, w)
	if err != nil {
		return err
	}
	condition := metav1.Condition{
		Type: v1alpha1.ConditionTLSRead, Status: metav1.ConditionTrue, Reason: reasonReading, ObservedGeneration: capture.Generation,
		Message: "TLS connections are read as the capture asks for",
	}
	places, kept := untouched(stats, time.Now()), keptVariables(capture, template)
	reading := ""
	if r.Options.Injection == wiring.InjectionWebhook {
		_, reading = capturespec.WithoutSecrets(capture.Spec, w.Template.Spec)
	}
	switch {
	case reading != "":
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonUnknown
		condition.Message = fmt.Sprintf("outbound TLS is passed through: container %q takes variables from a ConfigMap or a Secret as a whole, which the API server "+
			"does not read, and which may say whom it trusts; name the variables one by one, or install with another injection", reading)
	case missing != "":
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonMissing
		condition.Message = missing + " does not exist; connections that need it are passed through. Pods take it up within minutes of its creation"
	case places != "":
		condition.Status, condition.Reason = metav1.ConditionFalse, reasonPassedThrough
		condition.Message = "passed through without being read within the last hour: " + places + kept
	case kept != "":
		condition.Reason, condition.Message = reasonKept, "TLS connections are read as the capture asks for"+kept
	}
	meta.SetStatusCondition(&capture.Status.Conditions, condition)
	return nil
}

// untouched names the places to which connections were passed through of late, newest first.
func untouched(stats *trafficpb.StatsResponse, now time.Time) string {
	var places []string
	for _, u := range stats.GetUntouched() {
		if now.Sub(time.Unix(0, u.GetLast())) > untouchedFor {
			continue
		}
		if len(places) == mostPlaces {
			places = append(places, "and more")
			break
		}
		places = append(places, fmt.Sprintf("%s (%s)", u.GetKey(), u.GetReason()))
	}
	return strings.Join(places, ", ")
}

// keptVariables ends a message with the variables that containers set themselves.
func keptVariables(capture *v1alpha1.TrafficCapture, template corev1.PodTemplateSpec) string {
	if !capturespec.TLS(capture.Spec.TLS).Outbound {
		return ""
	}
	var names []string
	for _, kept := range injection.KeptVariables(template) {
		names = append(names, fmt.Sprintf("%s of container %s", kept.Variable, kept.Container))
	}
	if len(names) == 0 {
		return ""
	}
	return "; left as the workload sets them, so that it may not trust the proxy: " + strings.Join(names, ", ")
}
