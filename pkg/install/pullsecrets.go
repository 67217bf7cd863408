// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import "strings"

// setPullSecrets has every service account that is installed pull images with the Secrets, and tells the parts to do the same for the
// accounts and pods that they make.
func setPullSecrets(o Options, all objects) error {
	if len(o.ImagePullSecrets) == 0 {
		return nil
	}
	for _, account := range all.kind("ServiceAccount") {
		var references []any
		for _, name := range o.ImagePullSecrets {
			references = append(references, map[string]any{"name": name})
		}
		account.Object["imagePullSecrets"] = references
	}
	for _, part := range parts {
		if err := all.setVariable(part, "IMAGE_PULL_SECRETS", strings.Join(o.ImagePullSecrets, ",")); err != nil {
			return err
		}
	}
	return nil
}
