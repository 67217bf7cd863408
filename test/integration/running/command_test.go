// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package running

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMistakesOnTheCommandLineAreNamed(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"backup"}, "--to: a place is required"},
		{[]string{"restore"}, "--from: a place is required"},
		{[]string{"restore", "--from=snapshot.db", "--name=other.db"}, "names a backup in a bucket, but --from=snapshot.db is none"},
		{[]string{"restore", "--from=/nowhere/snapshot.db"}, "opening the backup"},
		{[]string{"restore", "--from=file://" + t.TempDir()}, "there is no backup in file://"},
		{[]string{"--backup-keep=0"}, "--backup-keep: 0 must be at least 1"},
		{[]string{"--logging-format=xml"}, "Unsupported log format"},
	} {
		text, err := command(t, append(c.args, "--data-dir="+shortDir(t))...)
		if err == nil {
			t.Errorf("%v succeeded", c.args)
		}
		contains(t, text, c.want)
	}
}

func TestLogsAreStructuredOnDemand(t *testing.T) {
	text, _ := command(t, "backup", "--logging-format=json")
	var line struct{ Msg, Err string }
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if line.Msg != "command failed" || !strings.HasPrefix(line.Err, "--to: ") {
		t.Errorf("line %s", text)
	}
}
