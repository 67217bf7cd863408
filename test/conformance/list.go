// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"
)

func (c *check) get(t *testing.T) {
	created := c.make(t, "get")
	// The version that is known comes first: at 0 the server may answer from before.
	for _, version := range []string{"", created.GetResourceVersion(), "0"} {
		read, err := c.objects.Get(t.Context(), "get", metav1.GetOptions{ResourceVersion: version})
		if err != nil || read.GetUID() != created.GetUID() {
			t.Errorf("reading it at %q: %v", version, err)
		}
	}
	// client-go would try again and again
	c.send(t, request{path: "/get", query: "resourceVersion=" + future(t, created.GetResourceVersion())}).
		want(t, "reading it at a version to come", http.StatusGatewayTimeout, "Too large resource version")
}

// future is a version that no server has reached.
func future(t *testing.T, version string) string {
	t.Helper()
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.FormatUint(n+1_000_000, 10)
}

// chunks are all of one version, whatever happens between them.
func (c *check) chunks(t *testing.T) {
	for i := range 5 {
		c.make(t, fmt.Sprintf("chunk-%d", i), labelled("test", "chunks"))
	}
	options := metav1.ListOptions{LabelSelector: "test=chunks", Limit: 2}
	var pages []string
	version := ""
	for {
		list, err := c.objects.List(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, names(list.Items))
		if version == "" {
			version = list.GetResourceVersion()
			c.make(t, "chunk-9", labelled("test", "chunks"))
		}
		if list.GetResourceVersion() != version {
			t.Errorf("page %d is of version %s, the first of %s", len(pages), list.GetResourceVersion(), version)
		}
		if options.Continue = list.GetContinue(); options.Continue == "" {
			break
		}
	}
	if want := []string{"chunk-0 chunk-1", "chunk-2 chunk-3", "chunk-4"}; !slices.Equal(pages, want) {
		t.Errorf("pages %q, want %q", pages, want)
	}
	list, err := c.objects.List(t.Context(), metav1.ListOptions{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if left := list.GetRemainingItemCount(); left == nil || *left < 5 {
		t.Errorf("%v objects are left after the first of all", left)
	}
	_, err = c.objects.List(t.Context(), metav1.ListOptions{Limit: 1, Continue: "forged"})
	wantError(t, "forged continue token", err, http.StatusBadRequest, "continue")
	_, err = c.objects.List(t.Context(), metav1.ListOptions{Limit: 1, Continue: list.GetContinue(), ResourceVersion: version})
	wantError(t, "continue token and version", err, http.StatusBadRequest, "resource version")
}

func (c *check) selectors(t *testing.T) {
	c.make(t, "blue", func(o *unstructured.Unstructured) {
		o.SetLabels(map[string]string{"test": "selectors", "color": "blue"})
	})
	c.make(t, "red", func(o *unstructured.Unstructured) {
		o.SetLabels(map[string]string{"test": "selectors", "color": "red"})
	})
	last := c.make(t, "plain", labelled("test", "selectors"))
	list := func(labels, fields, want string) {
		t.Helper()
		// from etcd, and from the watch cache with its indexes
		for _, version := range []string{"", last.GetResourceVersion()} {
			found, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: labels, FieldSelector: fields, ResourceVersion: version})
			if err != nil {
				t.Errorf("labels %q, fields %q, version %q: %v", labels, fields, version, err)
			} else if got := names(found.Items); got != want {
				t.Errorf("labels %q, fields %q, version %q: %q, want %q", labels, fields, version, got, want)
			}
		}
	}
	const ours = "test=selectors"
	list(ours+",color=blue", "", "blue")
	list(ours+",color!=blue", "", "plain red")
	list(ours+",color in (blue,red)", "", "blue red")
	list(ours+",color", "", "blue red")
	list(ours+",!color", "", "plain")
	list(ours, "metadata.name=red", "red")
	list(ours, "metadata.name!=red", "blue plain")
	for field, value := range c.kind.fields {
		list(ours, field+"="+value, "blue plain red")
		list(ours, field+"=="+value+",metadata.name=blue", "blue")
		list(ours, field+"!="+value, "")
		list(ours, field+"=other", "")
	}
	if !c.kind.clusterScoped {
		list(ours, "metadata.namespace="+c.Namespace, "blue plain red")
		list(ours, "metadata.namespace=elsewhere", "")
	}
	for fields, part := range map[string]string{"spec.unknown=x": "spec.unknown", "metadata.uid=x": "metadata.uid"} {
		_, err := c.objects.List(t.Context(), metav1.ListOptions{FieldSelector: fields})
		wantError(t, "fields "+fields, err, http.StatusBadRequest, part)
	}
	_, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: "a in b"})
	wantError(t, "labels a in b", err, http.StatusBadRequest)
}

func (c *check) resourceVersions(t *testing.T) {
	c.make(t, "old", labelled("test", "versions"))
	before, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: "test=versions"})
	if err != nil {
		t.Fatal(err)
	}
	version := before.GetResourceVersion()
	c.make(t, "young", labelled("test", "versions"))
	for _, test := range []struct {
		version string
		match   metav1.ResourceVersionMatch
		limit   int64
		want    []string // any of them
	}{
		{"", "", 0, []string{"old young"}},
		{"0", "", 0, []string{"old young", "old", ""}},
		{"0", metav1.ResourceVersionMatchNotOlderThan, 0, []string{"old young", "old", ""}},
		{version, "", 0, []string{"old young", "old"}},
		{version, metav1.ResourceVersionMatchNotOlderThan, 0, []string{"old young", "old"}},
		{version, metav1.ResourceVersionMatchExact, 0, []string{"old"}},
		{version, metav1.ResourceVersionMatchExact, 10, []string{"old"}},
	} {
		list, err := c.objects.List(t.Context(), metav1.ListOptions{
			LabelSelector: "test=versions", ResourceVersion: test.version, ResourceVersionMatch: test.match, Limit: test.limit,
		})
		if err != nil {
			t.Errorf("version %q %s: %v", test.version, test.match, err)
			continue
		}
		if got := names(list.Items); !slices.Contains(test.want, got) {
			t.Errorf("version %q %s: %q, want one of %q", test.version, test.match, got, test.want)
		}
		if exact := test.match == metav1.ResourceVersionMatchExact; exact && list.GetResourceVersion() != version {
			t.Errorf("the list at %s is of version %s", version, list.GetResourceVersion())
		}
	}
	for what, options := range map[string]metav1.ListOptions{
		"exactly anything": {ResourceVersion: "0", ResourceVersionMatch: metav1.ResourceVersionMatchExact},
		"no version":       {ResourceVersionMatch: metav1.ResourceVersionMatchExact},
		"unknown match":    {ResourceVersion: version, ResourceVersionMatch: "Nearly"},
	} {
		_, err := c.objects.List(t.Context(), options)
		wantError(t, what, err, http.StatusUnprocessableEntity)
	}
	c.send(t, request{query: "resourceVersion=" + future(t, version)}).
		want(t, "a version to come", http.StatusGatewayTimeout, "Too large resource version")
}

// firstPage lists the first of three objects and makes a fourth one.
func (c *check) firstPage(t *testing.T) *unstructured.UnstructuredList {
	t.Helper()
	for i := range 3 {
		c.make(t, fmt.Sprintf("expired-%d", i), labelled("test", "expired"))
	}
	first, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: "test=expired", Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	c.make(t, "expired-3", labelled("test", "expired"))
	return first
}

// expired: what has been compacted cannot be listed any more, and the answer says how to go on.
func (c *check) expired(t *testing.T, first *unstructured.UnstructuredList) {
	// The watch cache keeps old versions until it learns, within seconds, that etcd has forgotten them.
	next := request{query: "labelSelector=test%3Dexpired&limit=1&continue=" + first.GetContinue()}
	var answer response
	eventually(t, "the continue token expires", func(context.Context) (bool, error) {
		answer = c.send(t, next)
		return answer.code != http.StatusOK, nil
	})
	answer.want(t, "continue token of a compacted version", http.StatusGone, "too old")
	var status metav1.Status
	answer.decode(t, &status)
	if status.Reason != metav1.StatusReasonExpired || status.Continue == "" {
		t.Fatalf("expired with %s", answer.body)
	}
	rest, err := c.objects.List(t.Context(), metav1.ListOptions{LabelSelector: "test=expired", Limit: 9, Continue: status.Continue})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(rest.Items); got != "expired-1 expired-2 expired-3" {
		t.Errorf("going on with the new token: %q", got)
	}
	c.send(t, request{query: "resourceVersionMatch=Exact&limit=1&resourceVersion=" + first.GetResourceVersion()}).
		want(t, "exactly a compacted version", http.StatusGone)
	c.pagerRecovers(t, first)
}

// pagerRecovers: when the token expires between two pages, client-go lists all, and hands out nothing twice.
func (c *check) pagerRecovers(t *testing.T, first *unstructured.UnstructuredList) {
	asked := 0
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		if asked++; asked == 1 {
			return first, nil // as it was answered, before etcd forgot it
		}
		return c.objects.List(ctx, options)
	})
	pages.PageSize = 1
	list, _, err := pages.List(t.Context(), metav1.ListOptions{LabelSelector: "test=expired"})
	if err != nil {
		t.Fatalf("listing in pages whose token expires: %v", err)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		t.Fatal(err)
	}
	var found []unstructured.Unstructured
	for _, item := range items {
		found = append(found, *item.(*unstructured.Unstructured))
	}
	if got := names(found); got != "expired-0 expired-1 expired-2 expired-3" || asked != 3 {
		t.Errorf("listing in pages whose token expires gave %q with %d requests", got, asked)
	}
}
