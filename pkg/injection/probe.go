// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package injection

import corev1 "k8s.io/api/core/v1"

// ProbeContainer finds out whether pods can be recorded and isolated where it runs. It has the rights of the container that writes the
// redirect rules, so that what refuses the one refuses the other.
func ProbeContainer(image string, pull corev1.PullPolicy, names, addresses []string) corev1.Container {
	container := initContainer(image, pull, modeCapture, nil, nil)
	container.Args = []string{"probe"}
	for _, name := range names {
		container.Args = append(container.Args, "--resolve="+name)
	}
	for _, address := range addresses {
		container.Args = append(container.Args, "--connect="+address)
	}
	return container
}
