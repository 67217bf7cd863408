// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package validation

import (
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// maxCancelReason bounds what somebody gives as the reason of a cancellation, in bytes.
const maxCancelReason = 1024

// ValidateReplayCancellation checks the body of a cancellation. It is stored nowhere, so no tags are checked.
func ValidateReplayCancellation(cancellation *replay.ReplayCancellation) field.ErrorList {
	path := field.NewPath("reason")
	if len(cancellation.Reason) > maxCancelReason {
		return field.ErrorList{field.TooLong(path, cancellation.Reason, maxCancelReason)}
	}
	return validateText(cancellation.Reason, path)
}
