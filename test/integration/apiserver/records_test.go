// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/restage-dev/restage/pkg/protocol/descriptor/descriptortest"
	"github.com/restage-dev/restage/pkg/traffic"
	"github.com/restage-dev/restage/pkg/traffic/har"
	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

const (
	base   = "/apis/replay.restage.dev/v1alpha1/namespaces/" + namespace
	ndjson = "application/x-ndjson"
)

// readPage returns the records of one answer and the token for the next.
func readPage(t *testing.T, path, accept string) (records []*trafficpb.Record, next string) {
	t.Helper()
	response := get(t, base+path, accept)
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v: %s", path, response.Status, err, body)
	}
	next = response.Header.Get("Restage-Continue")
	if response.Header.Get("Content-Type") == har.MediaType {
		var archive struct {
			Log struct {
				Continue string `json:"_continue"`
			}
		}
		if err := json.Unmarshal(body, &archive); err != nil || archive.Log.Continue != next {
			t.Fatalf("the archive has the token %q, the header %q, error %v", archive.Log.Continue, next, err)
		}
		err := har.Scan(bytes.NewReader(body), func(raw []byte, _ int64) error {
			record, err := har.Parse(raw, 0)
			records = append(records, record)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return records, next
	}
	for line := range bytes.Lines(body) {
		record, err := traffic.UnmarshalRecordJSON(line)
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		records = append(records, record)
	}
	return records, next
}

// readAll follows the tokens to the end and returns all records and the number of pages.
func readAll(t *testing.T, path, accept string) (records []*trafficpb.Record, pages int) {
	t.Helper()
	for next, at := "begin", path; next != ""; pages++ {
		var page []*trafficpb.Record
		page, next = readPage(t, at, accept)
		records = append(records, page...)
		at = path + "&continue=" + url.QueryEscape(next)
	}
	return records, pages
}

func ids(records []*trafficpb.Record) (list []string) {
	for _, r := range records {
		list = append(list, r.GetId())
	}
	return list
}

func TestRecordsComeInPages(t *testing.T) {
	recorded := recording(2, 1200, 10)
	cutSnapshot(t, "paged", recorded)
	path := "/trafficsnapshots/paged/records?"
	if page, next := readPage(t, path, ""); len(page) != 500 || next == "" {
		t.Errorf("by default there are %d records, next %q", len(page), next)
	}
	if page, next := readPage(t, path+"limit=1200", ""); len(page) != 1200 || next != "" {
		t.Errorf("a page with all has %d records, next %q", len(page), next)
	}
	for _, accept := range []string{ndjson, har.MediaType} {
		all, pages := readAll(t, path+"limit=70", accept)
		if pages != 18 || !slices.Equal(ids(all), ids(recorded)) {
			t.Errorf("%s: %d records in %d pages", accept, len(all), pages)
		}
	}
	outbound, _ := readAll(t, path+"limit=70&direction=Outbound", "")
	if len(outbound) != 400 || outbound[1].GetId() != "5" {
		t.Errorf("%d outbound records", len(outbound))
	}
}

// Records of gRPC calls show their messages where the snapshot has their types, and come back without them.
func TestRecordsHaveNamedFields(t *testing.T) {
	recorded := recording(20, 1, 10)
	message := descriptortest.Message(t, "shop.Get", `{"id":"17","user":{"fullName":"Ada"}}`)
	r := recorded[0]
	r.Protocol, r.Operation = "grpc", "POST "+descriptortest.Path
	r.Request.Body = append([]byte{0, 0, 0, 0, byte(len(message))}, message...)
	r.Request.BodyLength = int64(len(r.GetRequest().GetBody()))
	cutSnapshotWith(t, "named", recorded, descriptortest.Set(t))
	var shown struct {
		Request struct{ Messages json.RawMessage }
	}
	if err := json.Unmarshal(content(t, base+"/trafficsnapshots/named/records", ""), &shown); err != nil {
		t.Fatal(err)
	}
	if want := `[{"id":"17","user":{"full_name":"Ada"}}]`; string(shown.Request.Messages) != want {
		t.Errorf("the messages are %s, want %s", shown.Request.Messages, want)
	}
	page, _ := readPage(t, "/trafficsnapshots/named/records", "")
	if len(page) != 1 || !bytes.Equal(page[0].GetRequest().GetBody(), r.GetRequest().GetBody()) {
		t.Errorf("read: %v", page)
	}
}

// A snapshot that is too large for one answer comes in pages by itself: everything, and nothing twice.
func TestLargeSnapshot(t *testing.T) {
	recorded := recording(3, 3000, 10_000)
	cutSnapshot(t, "large", recorded)
	for _, accept := range []string{ndjson, har.MediaType} {
		all, pages := readAll(t, "/trafficsnapshots/large/records?limit=10000", accept)
		if pages < 5 || !slices.Equal(ids(all), ids(recorded)) {
			t.Fatalf("%s: %d records in %d pages", accept, len(all), pages)
		}
		for i := range all {
			if !bytes.Equal(all[i].GetResponse().GetBody(), recorded[i].GetResponse().GetBody()) {
				t.Fatalf("%s: the body of record %d is another one", accept, i)
			}
		}
	}
}

func TestRecordsAreFiltered(t *testing.T) {
	cutSnapshot(t, "filtered", recording(4, 30, 10))
	for query, want := range map[string][]string{
		"key=back&limit=2":                      {"2", "5"},
		"key=front:9898&limit=2":                {"0", "1"},
		"key=*&limit=3":                         {"0", "1", "2"},
		"method=POST&limit=1":                   {"2"},
		"path=/orders/7":                        {"7"},
		"path=/orders/2*":                       {"21", "22", "24", "25", "27", "28"},
		"operation=" + "POST+/stock/1*":         {"11", "14", "17"},
		"status=5xx&limit=1":                    {"2"},
		"status=404,none":                       nil,
		"status=200&direction=Outbound":         nil,
		"since=2026-05-04T04:00:00.028Z":        {"28", "29"},
		"until=2026-05-04T06:00:00.002%2B02:00": {"0", "1"},
		"method=GET&since=2026-05-04T04:00:00.004Z&until=2026-05-04T04:00:00.007Z": {"4", "6"},
	} {
		if records, _ := readPage(t, "/trafficsnapshots/filtered/records?"+query, ""); !slices.Equal(ids(records), want) {
			t.Errorf("%s: %v, want %v", query, ids(records), want)
		}
	}
}

func TestRecordsFormatIsNegotiated(t *testing.T) {
	cutSnapshot(t, "negotiated", recording(5, 1, 10))
	path := base + "/trafficsnapshots/negotiated/records"
	for accept, want := range map[string]string{
		"":                                  ndjson,
		"*/*":                               ndjson,
		"application/json, */*":             ndjson, // kubectl get --raw
		"application/x-ndjson":              ndjson,
		"application/har+json":              har.MediaType,
		"text/html,application/har+json":    har.MediaType,
		"application/*;q=0.1, text/plain":   ndjson,
		ndjson + ";q=0.5, " + har.MediaType: har.MediaType,
	} {
		if got := get(t, path, accept).Header.Get("Content-Type"); got != want {
			t.Errorf("Accept %q gives %q, want %q", accept, got, want)
		}
	}
	response := get(t, path, "text/html")
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusNotAcceptable || !strings.Contains(string(body), "application/x-ndjson, application/har+json") {
		t.Errorf("%s: %s", response.Status, body)
	}
}

func TestBadQueriesAreRefused(t *testing.T) {
	cutSnapshot(t, "queried", recording(6, 10, 10))
	path := base + "/trafficsnapshots/queried/records?"
	for query, want := range map[string]string{
		"limit=0":        "limit: 0 must be from 1 to 10000",
		"limit=10001":    "limit: 10001 must be from 1 to 10000",
		"limit=many":     `limit: "many" must be a whole number`,
		"direction=left": `direction: "left" must be Inbound or Outbound`,
		"key=web":        `key: no slice matches "web"; known are back:9898, front:9898`,
		"key=9898":       `key: "9898" is ambiguous; it matches back:9898, front:9898`,
		"status=ok":      `status: "ok" must be a status such as 404`,
		"since=noon":     `since: "noon" must be a time as in RFC 3339`,
		"since=2026-05-04T06:00:00Z&until=2026-05-04T06:00:00Z": "until: must be later than since",
		"statsu=5xx":        "statsu: is not a query parameter; known are limit, continue",
		"limit=1&limit=2":   "limit: may be given once only",
		"continue=nonsense": `continue: "nonsense" is not a token of this server`,
	} {
		expectStatus(t, path+query, http.StatusBadRequest, want)
	}
}

func TestForeignTokensAreRefused(t *testing.T) {
	cutSnapshot(t, "mine", recording(7, 10, 10))
	cutSnapshot(t, "other", recording(8, 10, 10))
	path := "/trafficsnapshots/mine/records?limit=2"
	_, token := readPage(t, path+"&key=front", "")
	token = "&continue=" + url.QueryEscape(token)
	expectStatus(t, base+"/trafficsnapshots/other/records?limit=2&key=front"+token, http.StatusBadRequest, `is of TrafficSnapshot "shop/mine", not of "shop/other"`)
	expectStatus(t, base+path+token, http.StatusBadRequest, "is of a request with other parameters")
	if page, _ := readPage(t, "/trafficsnapshots/mine/records?limit=1&key=front"+token, ""); len(page) != 1 || page[0].GetId() != "3" {
		t.Errorf("another limit gives %v", ids(page))
	}
	if err := client().TrafficSnapshots(namespace).Delete(t.Context(), "mine", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		_, err := client().TrafficSnapshots(namespace).Get(ctx, "mine", metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	createSnapshot(t, "mine")
	expectStatus(t, base+"/trafficsnapshots/mine/records?limit=2&key=front"+token, http.StatusGone, "is of an earlier TrafficSnapshot")
}

// A client must not take a part for the whole.
func TestDamagedRecordsAreAnError(t *testing.T) {
	manifest := cutSnapshot(t, "damaged", recording(9, 2000, 500))
	file := filepath.Join(forwarder.Options.DataDir, "storage", "snapshots", namespace, manifest.GetSnapshot().GetUid(), manifest.GetFiles()[0])
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[len(data)/4:len(data)/2], make([]byte, len(data)/4))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	expectStatus(t, base+"/trafficsnapshots/damaged/records?limit=10000", http.StatusServiceUnavailable, "the log of the forwarder says why")
}
