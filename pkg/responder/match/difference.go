// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// differences names what differs between two requests of one operation: "query.page: \"2\", recorded \"1\"".
// Fields of messages of the given type, which may be nil, have their names.
func differences(asked, held *canonical, of protoreflect.MessageDescriptor) []string {
	var found []string
	if a, b := mediaType(asked.q.ContentType), mediaType(held.q.ContentType); a != b {
		found = append(found, fmt.Sprintf("content type: %q, recorded %q", a, b))
	}
	if asked.body != held.body || asked.body == bodyBytes || asked.body == bodyDigest {
		if asked.q.BodyLength != held.q.BodyLength || !bytes.Equal(asked.q.BodySHA256, held.q.BodySHA256) {
			found = append(found, fmt.Sprintf("body: %d bytes, recorded %d bytes", asked.q.BodyLength, held.q.BodyLength))
		}
	}
	found = append(found, fieldDifferences(fieldsOf(asked, of), fieldsOf(held, of))...)
	if len(found) == 0 {
		found = append(found, "body: its shape") // no field differs, such as [] and {}
	}
	return found
}

// fieldsOf returns the values of each field, in their order.
func fieldsOf(c *canonical, of protoreflect.MessageDescriptor) map[string][]string {
	fields := map[string][]string{}
	c.eachField(func(path []byte, _ byte, value []byte) {
		name := withNames(string(path), of)
		fields[name] = append(fields[name], string(value))
	})
	return fields
}

func fieldDifferences(asked, held map[string][]string) []string {
	var found []string
	for path, values := range asked {
		other, ok := held[path]
		switch {
		case !ok:
			found = append(found, path+": not recorded")
		case !slices.Equal(values, other):
			found = append(found, describe(path, values, other))
		}
	}
	for path := range held {
		if _, ok := asked[path]; !ok {
			found = append(found, path+": recorded, but missing")
		}
	}
	slices.Sort(found)
	return found
}

// secretWords are parts of the names of fields whose values stay out of explanations.
var secretWords = []string{"auth", "cred", "key", "pass", "pwd", "secret", "session", "sign", "token"}

func describe(path string, asked, held []string) string {
	lower := strings.ToLower(path)
	if slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(lower, word) }) {
		return path
	}
	return fmt.Sprintf("%s: %s, recorded %s", path, quote(asked), quote(held))
}

func quote(values []string) string {
	const most = 40
	text := strings.Join(values, ", ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return fmt.Sprintf("%q", text)
}
