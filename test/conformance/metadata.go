// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	metascheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

const (
	mediaProtobuf = "application/vnd.kubernetes.protobuf"
	mediaCBOR     = "application/cbor"
	mediaJSON     = "application/json"
)

func as(mediaType, kind string) string {
	return mediaType + ";as=" + kind + ";g=meta.k8s.io;v=v1"
}

// metadataAlone is what the garbage collector and the quota controller read. That, and tables, the library encodes, so that it is
// there in protobuf as well; only the objects themselves are not.
func (c *check) metadataAlone(t *testing.T) {
	c.make(t, "meta", labelled("test", "metadata"))
	decoder := metascheme.Codecs.UniversalDeserializer()
	for first, spoken := range map[string]string{"": mediaJSON, mediaProtobuf: mediaProtobuf, mediaCBOR: mediaJSON} {
		read := func(path, query, kind string) runtime.Object {
			t.Helper()
			accept := as(mediaJSON, kind)
			if first != "" {
				accept = strings.Join([]string{as(first, kind), as(mediaJSON, kind), mediaJSON}, ",")
			}
			answer := c.send(t, request{path: path, query: query, accept: accept})
			answer.want(t, kind, http.StatusOK)
			if got := answer.header.Get("Content-Type"); got != spoken {
				t.Errorf("%s, %q first, comes as %s, want %s", kind, first, got, spoken)
			}
			decoded, _, err := decoder.Decode(answer.body, nil, nil)
			if err != nil {
				t.Fatalf("%s, %q first: %v", kind, first, err)
			}
			return decoded
		}
		one, ok := read("/meta", "", "PartialObjectMetadata").(*metav1.PartialObjectMetadata)
		if !ok || one.Name != "meta" || one.Labels["test"] != "metadata" || one.UID == "" {
			t.Errorf("%q first: %v", first, one)
		}
		list, ok := read("", "labelSelector=test%3Dmetadata", "PartialObjectMetadataList").(*metav1.PartialObjectMetadataList)
		if !ok || list.ResourceVersion == "" || len(list.Items) != 1 || list.Items[0].Name != "meta" {
			t.Errorf("%q first: %v", first, list)
		}
	}
}

// metadataClient is the client of the namespace controller, the garbage collector and the quota controller: it
// prefers protobuf and takes JSON.
func (c *check) metadataClient(t *testing.T) {
	client, err := metadata.NewForConfig(c.Config)
	if err != nil {
		t.Fatal(err)
	}
	var objects metadata.ResourceInterface = client.Resource(v1alpha1.SchemeGroupVersion.WithResource(c.kind.resource))
	if !c.kind.clusterScoped {
		objects = client.Resource(v1alpha1.SchemeGroupVersion.WithResource(c.kind.resource)).Namespace(c.Namespace)
	}
	ctx := t.Context()
	for i := range 3 {
		c.make(t, fmt.Sprintf("meta-%d", i), labelled("test", "client"))
	}
	selected := metav1.ListOptions{LabelSelector: "test=client"}
	list, err := objects.List(ctx, selected)
	if err != nil || len(list.Items) != 3 {
		t.Fatalf("listed %v, error %v", list, err)
	}
	selected.ResourceVersion = list.ResourceVersion
	w, err := objects.Watch(ctx, selected)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	patched, err := objects.Patch(ctx, "meta-0", types.MergePatchType, []byte(`{"metadata":{"annotations":{"a":"1"}}}`), metav1.PatchOptions{})
	if err != nil || patched.Annotations["a"] != "1" {
		t.Errorf("patching: %v", err)
	}
	event := <-w.ResultChan()
	if o, ok := event.Object.(*metav1.PartialObjectMetadata); !ok || event.Type != watch.Modified || o.Annotations["a"] != "1" {
		t.Errorf("watched %s of %v", event.Type, event.Object)
	}
	if one, err := objects.Get(ctx, "meta-0", metav1.GetOptions{}); err != nil || one.UID != patched.UID {
		t.Errorf("reading: %v", err)
	}
	if err := objects.Delete(ctx, "meta-0", metav1.DeleteOptions{}); err != nil {
		t.Errorf("deleting: %v", err)
	}
	// what the namespace controller asks for
	if err := objects.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "test=client"}); err != nil {
		t.Errorf("deleting a collection: %v", err)
	}
	for i := range 3 {
		c.gone(t, fmt.Sprintf("meta-%d", i))
	}
}

// negotiation: the server speaks JSON and YAML, and a client that takes nothing else is told so at once.
func (c *check) negotiation(t *testing.T) {
	c.make(t, "spoken")
	for accept, want := range map[string]string{
		"":                                       mediaJSON,
		"*/*":                                    mediaJSON,
		mediaJSON:                                mediaJSON,
		"application/yaml":                       "application/yaml",
		mediaProtobuf + "," + mediaJSON:          mediaJSON,
		mediaCBOR + "," + mediaJSON:              mediaJSON,
		mediaProtobuf + "," + mediaCBOR + ",*/*": mediaJSON,
		mediaJSON + ";stream=watch":              mediaJSON,
		"text/html," + mediaJSON:                 mediaJSON,
		"application/yaml;q=0.1":                 "application/yaml",
		mediaProtobuf + ";q=0.9," + mediaJSON + ";q=1": mediaJSON,
	} {
		answer := c.send(t, request{path: "/spoken", accept: accept})
		answer.want(t, "accepting "+accept, http.StatusOK)
		if got := answer.header.Get("Content-Type"); !strings.HasPrefix(got, want) {
			t.Errorf("accepting %q: %s, want %s", accept, got, want)
		}
	}
	for _, accept := range []string{mediaProtobuf, mediaCBOR, "text/html", as(mediaCBOR, "PartialObjectMetadata"), as(mediaJSON, "Picture")} {
		c.send(t, request{path: "/spoken", accept: accept}).want(t, "accepting only "+accept, http.StatusNotAcceptable)
		c.send(t, request{accept: accept}).want(t, "a list accepting only "+accept, http.StatusNotAcceptable)
		c.send(t, request{query: "watch=1&timeoutSeconds=1", accept: accept}).want(t, "a watch accepting only "+accept, http.StatusNotAcceptable)
	}
}
