// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// withNames returns the path of a field of a call, "$[*].3.1", with the names that its type gives to the numbers, as far as it has them.
func withNames(path string, of protoreflect.MessageDescriptor) string {
	if !strings.HasPrefix(path, "$") {
		return path // a parameter of a query
	}
	steps := strings.Split(path, ".")
	for i := 1; i < len(steps) && of != nil; i++ {
		n, err := strconv.ParseInt(steps[i], 10, 32)
		if err != nil {
			break // it is not of a message
		}
		field := of.Fields().ByNumber(protowire.Number(n))
		if field == nil {
			break
		}
		steps[i] = string(field.Name())
		of = field.Message()
	}
	return strings.Join(steps, ".")
}
