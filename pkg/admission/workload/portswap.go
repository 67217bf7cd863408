// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/injection"
)

// swapPorts tells the containers of a template to listen elsewhere, and returns which port became which.
func swapPorts(spec *corev1.PodSpec, overrides []replay.ContainerOverride, explicit bool, path *field.Path) (swapped map[int32]int32, errs field.ErrorList) {
	// The containers of a pod share its network.
	listened := injection.DeclaredPorts(*spec)
	for i := range overrides {
		for _, swap := range overrides[i].PortSwaps {
			listened = append(listened, swap.Port)
		}
	}
	swapped, taken := map[int32]int32{}, map[int32]bool{}
	for i := range overrides {
		at := path.Index(i).Child("portSwaps")
		if len(overrides[i].PortSwaps) == 0 {
			continue
		}
		if !explicit {
			errs = append(errs, field.Forbidden(at, "the copy has redirect rules, with which a container keeps its ports; swaps are for the interception Explicit"))
			continue
		}
		container, _ := findContainer(spec, overrides[i].Name)
		for j, swap := range overrides[i].PortSwaps {
			if slices.Contains(listened, swap.To) {
				errs = append(errs, field.Invalid(at.Index(j).Child("to"), swap.To, "a container of the workload has this port"))
			}
			if _, twice := swapped[swap.Port]; twice {
				errs = append(errs, field.Duplicate(at.Index(j).Child("port"), swap.Port))
			}
			if taken[swap.To] {
				errs = append(errs, field.Duplicate(at.Index(j).Child("to"), swap.To))
			}
			if !tell(container, swap) {
				errs = append(errs, field.Invalid(at.Index(j).Child("argument"), swap.Argument, fmt.Sprintf("no argument of the container begins so and has %d, and no more, after it", swap.Port)))
			}
			swapped[swap.Port], taken[swap.To] = swap.To, true
		}
	}
	return swapped, errs
}

// tell has a container listen at the new port; false when it has no such argument.
func tell(container *corev1.Container, swap replay.PortSwap) bool {
	from, to := strconv.Itoa(int(swap.Port)), strconv.Itoa(int(swap.To))
	if swap.Variable != "" {
		apply(container, &replay.ContainerOverride{Env: []corev1.EnvVar{{Name: swap.Variable, Value: to}}})
		return true
	}
	for _, list := range [][]string{container.Command, container.Args} {
		for i, argument := range list {
			rest, ok := strings.CutPrefix(argument, swap.Argument)
			switch {
			case ok && rest == from:
				list[i] = swap.Argument + to
				return true
			case ok && rest == "" && i+1 < len(list) && list[i+1] == from:
				list[i+1] = to
				return true
			}
		}
	}
	return false
}
