// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import "regexp"

// storageWords are in every message of the forwarder that is about what it writes to.
var storageWords = regexp.MustCompile(`does not take writes|opening the (storage|log|journal)|(appending to|syncing|sealing) the log|segment of the log|the log failed|another process uses`)

// storageCauses are tried in this order. A fix that is empty is to look at the log.
var storageCauses = []struct {
	pattern  *regexp.Regexp
	why, fix string
}{
	{regexp.MustCompile(`no space left on device|disk quota exceeded`), "the forwarder's volume is full",
		`kubectl patch pvc -n NAMESPACE restage-forwarder --type=merge -p '{"spec":{"resources":{"requests":{"storage":"SIZE"}}}}'`},
	{regexp.MustCompile(`read-only file system`), "the forwarder's volume is read-only",
		"Mount the volume of PersistentVolumeClaim restage-forwarder for writing; its file system may have failed: kubectl describe node"},
	{regexp.MustCompile(`permission denied|operation not permitted`), "the forwarder may not write to its directory",
		"Use a StorageClass whose volumes honour fsGroup, or make the directory writable for group 65532."},
	{regexp.MustCompile(`no driver registered for`), "the storage URL is of a kind that the forwarder does not know; it knows file:///directory and s3://bucket?region=name",
		"kubectl restage install --storage-url='s3://BUCKET?region=REGION' | kubectl apply -f -"},
	{regexp.MustCompile(`NoSuchBucket|bucket does not exist|not found`), "the bucket of the storage URL does not exist",
		"aws s3 mb s3://BUCKET --region REGION, or kubectl restage install --storage-url=URL | kubectl apply -f -"},
	{regexp.MustCompile(`AccessDenied|Forbidden|StatusCode: 403|InvalidAccessKeyId|SignatureDoesNotMatch|no EC2 IMDS role found|failed to (retrieve|refresh cached) credentials|get credentials`),
		"the storage refuses the forwarder: its credentials are missing or may not write",
		"Give the service account restage-forwarder credentials that may get, put, list and delete objects of the bucket."},
	{regexp.MustCompile(`no such host|connection refused|i/o timeout|deadline exceeded|network is unreachable`), "the forwarder does not reach the storage",
		"Let pods of the namespace reach the address of the storage URL, and look whether it is spelt right: kubectl restage install --storage-url=URL | kubectl apply -f -"},
	{regexp.MustCompile(`another process uses`), "two forwarders use one volume", ""},
}

// storageCause tells what is wrong with the storage from a message of the forwarder; "" when the message is about something else.
func storageCause(message string) (why, fix string) {
	if !storageWords.MatchString(message) {
		return "", ""
	}
	for _, candidate := range storageCauses {
		if candidate.pattern.MatchString(message) {
			return candidate.why, candidate.fix
		}
	}
	return "the forwarder cannot use its storage", ""
}
