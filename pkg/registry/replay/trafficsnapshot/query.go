// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package trafficsnapshot

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/filter"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// parameters are those of replay.TrafficRecordsOptions, and one that every request may have.
var parameters = []string{"limit", "continue", "direction", "key", "method", "path", "operation", "status", "since", "until", "timeout"}

// knownParameters refuses a parameter that would be passed over: a filter that is misspelt must not select everything.
func knownParameters(values url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(parameters, name) {
			return fmt.Errorf("%s: is not a query parameter; known are %s", name, strings.Join(parameters, ", "))
		}
		if len(values[name]) > 1 {
			return fmt.Errorf("%s: may be given once only", name)
		}
	}
	return nil
}

// query is what a client asks for.
type query struct {
	request *trafficpb.ReadRequest
	token   token // of the page; its position is that of this one
}

// newQuery reads the parameters. The error is one of the API that names the parameter.
func newQuery(snapshot *replay.TrafficSnapshot, asked *replay.TrafficRecordsOptions) (*query, error) {
	q := &query{
		request: &trafficpb.ReadRequest{
			Snapshot: &trafficpb.ObjectRef{Namespace: snapshot.Namespace, Name: snapshot.Name, Uid: string(snapshot.UID)},
			MaxBytes: pageBytes, MaxMilliseconds: uint64(pageTime.Milliseconds()),
		},
		token: newToken(snapshot, asked),
	}
	if err := q.fill(asked); err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	if asked.Continue != "" {
		start, err := q.token.follow(asked.Continue)
		if err != nil {
			return nil, err
		}
		q.request.Start = start
	}
	return q, nil
}

func (q *query) fill(asked *replay.TrafficRecordsOptions) (err error) {
	if q.request.Limit, err = parseLimit(asked.Limit); err != nil {
		return err
	}
	if q.request.Direction, err = parseDirection(asked.Direction); err != nil {
		return err
	}
	f := &trafficpb.Filter{Key: asked.Key, Method: asked.Method, Path: asked.Path, Operation: asked.Operation}
	if asked.Status != "" {
		f.Status = strings.Split(asked.Status, ",")
	}
	if f.Since, err = parseTime("since", asked.Since); err != nil {
		return err
	}
	if f.Until, err = parseTime("until", asked.Until); err != nil {
		return err
	}
	q.request.Filter = f
	return filter.Validate(f)
}

// tokenFor returns the token for the page that starts there, "" when there is none.
func (q *query) tokenFor(next uint64) string {
	if next == 0 {
		return ""
	}
	return q.token.at(next)
}

func parseLimit(text string) (uint64, error) {
	if text == "" {
		return defaultRecords, nil
	}
	limit, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("limit: %q must be a whole number that is not negative", text)
	}
	if limit < 1 || limit > maxRecords {
		return 0, fmt.Errorf("limit: %d must be from 1 to %d", limit, maxRecords)
	}
	return limit, nil
}

func parseDirection(text string) (trafficpb.Direction, error) {
	if text == "" {
		return trafficpb.Direction_DIRECTION_UNSPECIFIED, nil
	}
	direction, err := traffic.ParseDirection(text)
	if err != nil {
		return 0, fmt.Errorf("direction: %w", err)
	}
	return direction, nil
}

func parseTime(name, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, fmt.Errorf("%s: %q must be a time as in RFC 3339, such as 2026-05-04T12:00:00Z", name, text)
	}
	return t.UnixNano(), nil
}
