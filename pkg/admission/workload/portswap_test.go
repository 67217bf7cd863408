// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

func TestSwapPorts(t *testing.T) {
	for _, test := range []struct {
		name       string
		swap       replay.PortSwap
		redirect   bool
		args       []string // after the swap
		variable   string
		wantErrors string
	}{
		{name: "variable", swap: replay.PortSwap{Port: 8080, To: 18080, Variable: "PORT"}, args: []string{"--port=8080", "-a", "8080"}, variable: "18080"},
		{name: "argument", swap: replay.PortSwap{Port: 8080, To: 18080, Argument: "--port="}, args: []string{"--port=18080", "-a", "8080"}, variable: "8080"},
		{name: "argument of two words", swap: replay.PortSwap{Port: 8080, To: 18080, Argument: "-a"}, args: []string{"--port=8080", "-a", "18080"}, variable: "8080"},
		{name: "no such argument", swap: replay.PortSwap{Port: 8080, To: 18080, Argument: "--listen="}, wantErrors: `c[0].portSwaps[0].argument: Invalid value: "--listen=": no argument`},
		{name: "argument that begins as another", swap: replay.PortSwap{Port: 8080, To: 18080, Argument: "--port"}, wantErrors: `c[0].portSwaps[0].argument: Invalid value: "--port": no argument`},
		{name: "argument with another port", swap: replay.PortSwap{Port: 9090, To: 18080, Argument: "--port="}, wantErrors: `c[0].portSwaps[0].argument: Invalid value: "--port=": no argument of the container begins so and has 9090`},
		{name: "argument of two words with another port", swap: replay.PortSwap{Port: 9090, To: 18080, Argument: "-a"}, wantErrors: `c[0].portSwaps[0].argument: Invalid value: "-a": no argument`},
		{name: "a port of the workload", swap: replay.PortSwap{Port: 8080, To: 9090, Variable: "PORT"}, wantErrors: "c[0].portSwaps[0].to: Invalid value: 9090: a container of the workload has this port"},
		{name: "with rules", redirect: true, swap: replay.PortSwap{Port: 8080, To: 18080, Variable: "PORT"}, wantErrors: "c[0].portSwaps: Forbidden: the copy has redirect rules"},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := &corev1.PodSpec{Containers: []corev1.Container{{
				Name: "app", Args: []string{"--port=8080", "-a", "8080"}, Env: []corev1.EnvVar{{Name: "PORT", Value: "8080"}},
				Ports: []corev1.ContainerPort{{ContainerPort: 8080}, {ContainerPort: 9090}},
			}}}
			swapped, errs := swapPorts(spec, []replay.ContainerOverride{{Name: "app", PortSwaps: []replay.PortSwap{test.swap}}}, !test.redirect, field.NewPath("c"))
			if test.wantErrors != "" {
				if len(errs) != 1 || !strings.Contains(errs[0].Error(), test.wantErrors) {
					t.Errorf("errors %v, want %s", errs, test.wantErrors)
				}
				return
			}
			c := spec.Containers[0]
			if len(errs) > 0 || swapped[8080] != 18080 || !slices.Equal(c.Args, test.args) || c.Env[0].Value != test.variable {
				t.Errorf("errors %v, swapped %v, arguments %q, variables %v", errs, swapped, c.Args, c.Env)
			}
		})
	}
}

// The containers of a pod share its network, so that no two of them can swap a port or get the same.
func TestSwapPortsOfSeveralContainers(t *testing.T) {
	for _, test := range []struct {
		name          string
		first, second replay.PortSwap
		want          string
	}{
		{"different", replay.PortSwap{Port: 8080, To: 18080, Variable: "PORT"}, replay.PortSwap{Port: 9090, To: 19090, Variable: "PORT"}, ""},
		{"the same port", replay.PortSwap{Port: 8080, To: 18080, Variable: "PORT"}, replay.PortSwap{Port: 8080, To: 19090, Variable: "PORT"}, "c[1].portSwaps[0].port: Duplicate value: 8080"},
		{"to the same port", replay.PortSwap{Port: 8080, To: 18080, Variable: "PORT"}, replay.PortSwap{Port: 9090, To: 18080, Variable: "PORT"}, "c[1].portSwaps[0].to: Duplicate value: 18080"},
		{"to one that is swapped", replay.PortSwap{Port: 8080, To: 9090, Variable: "PORT"}, replay.PortSwap{Port: 9090, To: 19090, Variable: "PORT"}, "c[0].portSwaps[0].to: Invalid value: 9090: a container of the workload has this port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			spec := &corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}, {Name: "beside"}}}
			_, errs := swapPorts(spec, []replay.ContainerOverride{
				{Name: "app", PortSwaps: []replay.PortSwap{test.first}}, {Name: "beside", PortSwaps: []replay.PortSwap{test.second}},
			}, true, field.NewPath("c"))
			var got string
			if len(errs) > 0 {
				got = errs.ToAggregate().Error()
			}
			if got != test.want {
				t.Errorf("errors %q, want %q", got, test.want)
			}
		})
	}
}
