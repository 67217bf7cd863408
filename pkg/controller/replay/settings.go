// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/controller/environment"
	"github.com/restage-dev/restage/pkg/wiring"
)

// maxTimeout is the longest that a generator accepts. The controller keeps to longer ones by itself.
const maxTimeout = 24 * time.Hour

// settings compiles what the generator is told; timeout is the time that is left to it. The error is one of the user's.
func settings(replay *v1alpha1.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot, profile v1alpha1.ReplayProfileSpec, env *v1alpha1.Environment, timeout time.Duration) (*wiring.ReplaySettings, error) {
	speed, err := strconv.ParseFloat(profile.Load.Speed, 64)
	if err != nil {
		return nil, fmt.Errorf("load.speed %q is not a number", profile.Load.Speed)
	}
	tests, err := targets(replay, snapshot, env)
	if err != nil {
		return nil, err
	}
	s := &wiring.ReplaySettings{
		Snapshot:       object(snapshot),
		Replay:         object(replay),
		BuildTag:       replay.Spec.BuildTag,
		Tests:          tests,
		Speed:          speed,
		RequestTimeout: ptr.Deref(profile.Load.RequestTimeout, metav1.Duration{Duration: v1alpha1.DefaultRequestTimeout}).Seconds(),
		Timeout:        min(timeout, maxTimeout).Seconds(),
		Headers:        profile.Comparison.Headers,
		Ignore:         profile.Comparison.Ignore,
		LearnNoise:     ptr.Deref(profile.Comparison.LearnNoise, true),
	}
	for _, goal := range profile.Goals {
		s.Goals = append(s.Goals, wiring.GoalSetting{Name: goal.Name, Expression: goal.Expression})
	}
	if env != nil {
		host, _, err := net.SplitHostPort(env.Status.ResponderAddress)
		if err != nil {
			return nil, fmt.Errorf("status.responderAddress of Environment %q: %w", env.Name, err)
		}
		s.Control = net.JoinHostPort(host, strconv.Itoa(wiring.ResponderControlPort))
	}
	return s, nil
}

// targets says where the requests of each tested slice go: to the copy of the workload, or to the target of the replay.
func targets(replay *v1alpha1.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot, env *v1alpha1.Environment) ([]wiring.TestTarget, error) {
	if env == nil {
		return runningTarget(replay, snapshot)
	}
	hosts := map[string]string{}
	for _, endpoint := range env.Status.Endpoints {
		hosts[endpoint.Workload] = endpoint.Host
	}
	var tests []wiring.TestTarget
	for i := range env.Spec.Workloads {
		workload := &env.Spec.Workloads[i]
		keys, err := environment.Resolve(workload.Tests, environment.InboundKeys(env, workload, snapshot))
		if err != nil {
			return nil, fmt.Errorf("tests of workload %q: %w", workload.Name, err)
		}
		for _, key := range keys {
			port, err := environment.KeyPort(key)
			if err != nil {
				return nil, err
			}
			tests = append(tests, wiring.TestTarget{Key: key, Address: net.JoinHostPort(hosts[workload.Name], strconv.Itoa(int(port)))})
		}
	}
	if len(tests) == 0 {
		return nil, fmt.Errorf("no workload of Environment %q is the recorded one, %q", env.Name, snapshot.Spec.WorkloadRef.Name)
	}
	return tests, nil
}

func runningTarget(replay *v1alpha1.TrafficReplay, snapshot *v1alpha1.TrafficSnapshot) ([]wiring.TestTarget, error) {
	if replay.Spec.Target == nil {
		return nil, fmt.Errorf("target is required in mode %s", v1alpha1.ModeLoadOnly)
	}
	target, err := url.Parse(replay.Spec.Target.URL)
	if err != nil || target.Hostname() == "" || target.Scheme != "http" {
		return nil, fmt.Errorf("target.url %q is not http://host[:port]", replay.Spec.Target.URL)
	}
	address := net.JoinHostPort(target.Hostname(), cmp.Or(target.Port(), "80"))
	var tests []wiring.TestTarget
	for _, key := range environment.Keys(snapshot, v1alpha1.DirectionInbound) {
		tests = append(tests, wiring.TestTarget{Key: key, Address: address})
	}
	return tests, nil
}

func object(o metav1.Object) wiring.Object {
	return wiring.Object{Namespace: o.GetNamespace(), Name: o.GetName(), UID: string(o.GetUID())}
}
