// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/restage-dev/restage/pkg/apis/replay"
)

// token says where a page starts, and of what. Clients take it as it is.
type token struct {
	Version  int    `json:"v"`
	Snapshot string `json:"s"` // namespace and name
	UID      string `json:"u"`
	Filter   string `json:"f"` // hash of the parameters that select
	Start    uint64 `json:"n"`
}

const tokenVersion = 1

func newToken(snapshot *replay.TrafficSnapshot, asked *replay.TrafficRecordsOptions) token {
	hash := sha256.Sum256(fmt.Appendf(nil, "%q", []string{
		asked.Direction, asked.Key, asked.Method, asked.Path, asked.Operation, asked.Status, asked.Since, asked.Until,
	}))
	return token{
		Version: tokenVersion, Snapshot: snapshot.Namespace + "/" + snapshot.Name, UID: string(snapshot.UID),
		Filter: hex.EncodeToString(hash[:8]),
	}
}

// at returns the text of the token for a page.
func (t token) at(start uint64) string {
	t.Start = start
	text, _ := json.Marshal(t) // cannot fail: it has texts and numbers
	return base64.RawURLEncoding.EncodeToString(text)
}

// follow returns where the page of a text starts. A text that is no token, or one of something else, is a bad request; one
// of a snapshot of this name that is gone has expired.
func (t token) follow(text string) (uint64, error) {
	data, err := base64.RawURLEncoding.DecodeString(text)
	var given token
	if err == nil {
		err = json.Unmarshal(data, &given)
	}
	switch {
	case err != nil || given.Version != tokenVersion || given.Start == 0:
		return 0, apierrors.NewBadRequest(fmt.Sprintf("continue: %q is not a token of this server", text))
	case given.Snapshot != t.Snapshot:
		return 0, apierrors.NewBadRequest(fmt.Sprintf("continue: the token %q is of TrafficSnapshot %q, not of %q", text, given.Snapshot, t.Snapshot))
	case given.UID != t.UID:
		return 0, apierrors.NewResourceExpired(fmt.Sprintf(
			"continue: the token %q is of an earlier TrafficSnapshot %q, which was deleted; begin again without it", text, t.Snapshot))
	case given.Filter != t.Filter:
		return 0, apierrors.NewBadRequest(fmt.Sprintf("continue: the token %q is of a request with other parameters; only limit may change", text))
	}
	return given.Start, nil
}
