// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package filter

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

func TestSelects(t *testing.T) {
	record := &trafficpb.Record{
		Direction: trafficpb.Direction_DIRECTION_OUTBOUND, Host: "back", Port: 9898, Operation: "GET /orders/7", Status: 404,
		Request: &trafficpb.Message{FirstByte: 1000},
	}
	keys := []string{"back:9898", "backup:9898", "front:80"}
	for name, test := range map[string]struct {
		filter *trafficpb.Filter
		want   bool
	}{
		"nothing":          {nil, true},
		"key":              {&trafficpb.Filter{Key: "back:9898"}, true},
		"part of a key":    {&trafficpb.Filter{Key: "front"}, false},
		"all keys":         {&trafficpb.Filter{Key: "*"}, true},
		"method":           {&trafficpb.Filter{Method: "get"}, true},
		"other method":     {&trafficpb.Filter{Method: "POST"}, false},
		"path":             {&trafficpb.Filter{Path: "/orders/7"}, true},
		"part of a path":   {&trafficpb.Filter{Path: "/orders"}, false},
		"path pattern":     {&trafficpb.Filter{Path: "/orders/*"}, true},
		"dot is no joker":  {&trafficpb.Filter{Path: "/orders/."}, false},
		"operation":        {&trafficpb.Filter{Operation: "GET */7"}, true},
		"other operation":  {&trafficpb.Filter{Operation: "PUT *"}, false},
		"status":           {&trafficpb.Filter{Status: []string{"404"}}, true},
		"class":            {&trafficpb.Filter{Status: []string{"2xx", "4XX"}}, true},
		"other class":      {&trafficpb.Filter{Status: []string{"5xx"}}, false},
		"no response":      {&trafficpb.Filter{Status: []string{"none"}}, false},
		"since then":       {&trafficpb.Filter{Since: 1000}, true},
		"since later":      {&trafficpb.Filter{Since: 1001}, false},
		"until then":       {&trafficpb.Filter{Until: 1000}, false},
		"until later":      {&trafficpb.Filter{Until: 1001}, true},
		"all must hold":    {&trafficpb.Filter{Method: "GET", Status: []string{"200"}}, false},
		"several together": {&trafficpb.Filter{Method: "GET", Status: []string{"404"}, Key: "back:9898", Path: "*"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := New(test.filter, keys)
			require.NoError(t, err)
			require.Equal(t, test.want, f.Selects(record))
		})
	}
}

func TestErrorsNameTheField(t *testing.T) {
	for want, filter := range map[string]*trafficpb.Filter{
		`key: "back" is ambiguous; it matches a.back:1, b.back:1`: {Key: "back"},
		`key: no slice matches "front"; known are`:                {Key: "front"},
		`status: "6" must be a status such as 404`:                {Status: []string{"200", "6"}},
		`status: "5x" must be`:                                    {Status: []string{"5x"}},
		`until: must be later than since`:                         {Since: 5, Until: 5},
	} {
		_, err := New(filter, []string{"a.back:1", "b.back:1"})
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, Validate(&trafficpb.Filter{Key: "whatever"}))
	require.Error(t, Validate(&trafficpb.Filter{Status: []string{"x"}}))
}
