// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/informers"
)

// ownParameters has each kind of parameters of the cluster's admission policies read by an informer of its own. Those of the factory are waited for by /readyz, and a policy
// for whatever kinds with parameters that we may not read, such as ConfigMaps, would keep this server from ever being ready. A policy for our kinds whose
// parameters cannot be read fails as its failurePolicy says.
type ownParameters struct {
	informers.SharedInformerFactory
}

// ForResource says that there is no informer to share. The policies' plugins ask for nothing else here, and make one then.
func (ownParameters) ForResource(resource schema.GroupVersionResource) (informers.GenericInformer, error) {
	return nil, fmt.Errorf("informers of %s are not shared", resource.GroupResource())
}
