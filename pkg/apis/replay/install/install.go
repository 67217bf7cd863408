// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package install adds the API of Restage, all versions of it, to a scheme.
package install

import (
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// Install adds the internal form and every version to the scheme.
func Install(scheme *runtime.Scheme) {
	utilruntime.Must(replay.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	utilruntime.Must(scheme.SetVersionPriority(v1alpha1.SchemeGroupVersion))
}
