// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replaylimits

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/admission/refusal"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// limits hold for one object: those of its class and, where that has none, those of the configuration.
type limits struct {
	class, fallback settings
	className       string
}

type settings struct {
	maxTimeout *metav1.Duration
	v1alpha1.EnvironmentLimits
}

// limits returns those that hold in a class, nil for none.
func (p *Plugin) limits(class *v1alpha1.EnvironmentClass) limits {
	l := limits{fallback: settings{maxTimeout: p.config.MaxTimeout}}
	if p.config.Limits != nil {
		l.fallback.EnvironmentLimits = *p.config.Limits
	}
	if class == nil {
		return l
	}
	l.className, l.class.maxTimeout = class.Name, class.Spec.MaxTimeout
	if class.Spec.Limits != nil {
		l.class.EnvironmentLimits = *class.Spec.Limits
	}
	return l
}

// by names who sets a limit.
func (l limits) by(ofClass bool) string {
	if ofClass {
		return fmt.Sprintf("EnvironmentClass %q", l.className)
	}
	return "the server's configuration"
}

// exceeded words it: what, who limits it, and the values as a quota lists them.
func (l limits) exceeded(path *field.Path, what string, ofClass bool, values string) refusal.Cause {
	return refusal.Cause{Path: path, Text: fmt.Sprintf("exceeded limit: %s of %s, %s", what, l.by(ofClass), values)}
}

func (l limits) timeout(asked *metav1.Duration) []refusal.Cause {
	limit := cmp.Or(l.class.maxTimeout, l.fallback.maxTimeout)
	if limit == nil || asked == nil || asked.Duration <= limit.Duration {
		return nil
	}
	return []refusal.Cause{l.exceeded(specPath.Child("timeout"), "maxTimeout", l.class.maxTimeout != nil, requested(asked.Duration, limit.Duration))}
}

func (l limits) speed(asked float64, path *field.Path) []refusal.Cause {
	limit := cmp.Or(l.class.MaxSpeed, l.fallback.MaxSpeed)
	if limit == "" {
		return nil
	}
	// The limit has been validated. One that is no number lets nothing pass.
	if most, err := strconv.ParseFloat(limit, 64); err == nil && asked <= most {
		return nil
	}
	return []refusal.Cause{l.exceeded(path, "maxSpeed", l.class.MaxSpeed != "", requested(asked, limit))}
}

func (l limits) workloads(asked int) []refusal.Cause {
	limit := cmp.Or(l.class.MaxWorkloads, l.fallback.MaxWorkloads)
	if limit == nil || asked <= int(*limit) {
		return nil
	}
	return []refusal.Cause{l.exceeded(specPath.Child("workloads"), "maxWorkloads", l.class.MaxWorkloads != nil, requested(asked, *limit))}
}

// concurrency is the limit on replays of one workload.
type concurrency struct {
	limits
	most int
}

// concurrent returns nil when there is no limit.
func (l limits) concurrent() *concurrency {
	limit := cmp.Or(l.class.MaxConcurrentReplaysPerWorkload, l.fallback.MaxConcurrentReplaysPerWorkload)
	if limit == nil {
		return nil
	}
	return &concurrency{limits: l, most: int(*limit)}
}

func (c *concurrency) full(path *field.Path, workload string, used int) refusal.Cause {
	return c.exceeded(path, "maxConcurrentReplaysPerWorkload", c.class.MaxConcurrentReplaysPerWorkload != nil,
		fmt.Sprintf("Deployment %q, requested: 1, used: %d, limited: %d", workload, used, c.most))
}

func requested[A, L int | int32 | float64 | string | time.Duration](asked A, limit L) string {
	return fmt.Sprintf("requested: %v, limited: %v", asked, limit)
}
