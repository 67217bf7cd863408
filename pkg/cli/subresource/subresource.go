// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package subresource speaks to subresources that are not objects, such as records and reports.
package subresource

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
)

// maxError bounds what is read of the body of an error.
const maxError = 64 << 10

// Client speaks to the subresources in one namespace.
type Client struct {
	http      *http.Client
	rest      rest.Interface
	namespace string
}

// New returns a client for the namespace that the command line names.
func New(c *cluster.Cluster) (*Client, error) {
	config, err := c.REST()
	if err != nil {
		return nil, err
	}
	namespace, err := c.Namespace()
	if err != nil {
		return nil, err
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	restage, err := c.Restage()
	if err != nil {
		return nil, err
	}
	return &Client{http: client, rest: restage.ReplayV1alpha1().RESTClient(), namespace: namespace}, nil
}

// In returns a client for another namespace.
func (c *Client) In(namespace string) *Client {
	other := *c
	other.namespace = namespace
	return &other
}

// Request to a subresource.
type Request struct {
	Method string
	// Resource, Name and Subresource say of what, such as trafficreplays, monday and report.
	Resource, Name, Subresource string
	Query                       url.Values
	Header                      http.Header
	// Body may be nil. Length is how long it is.
	Body   io.Reader
	Length int64
}

// Do sends a request and returns the answer, whose body the caller closes. What is not a success is an error
// of k8s.io/apimachinery/pkg/api/errors, together with the answer, for its headers; its body is closed then.
func (c *Client) Do(ctx context.Context, r Request) (*http.Response, error) {
	address := c.rest.Verb(r.Method).Namespace(c.namespace).Resource(r.Resource).Name(r.Name).SubResource(r.Subresource).URL()
	address.RawQuery = r.Query.Encode()
	request, err := http.NewRequestWithContext(ctx, r.Method, address.String(), r.Body)
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		request.ContentLength = r.Length
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusBadRequest {
		return response, nil
	}
	defer response.Body.Close()
	return response, statusError(r, response)
}

// statusError is what the server says, or the status of the answer when it says nothing that can be read.
func statusError(r Request, response *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxError))
	var status metav1.Status
	if err == nil && json.Unmarshal(body, &status) == nil && status.Kind == "Status" {
		return &apierrors.StatusError{ErrStatus: status}
	}
	resource := schema.GroupResource{Group: v1alpha1.GroupName, Resource: r.Resource + "/" + r.Subresource}
	return apierrors.NewGenericServerResponse(response.StatusCode, r.Method, resource, r.Name, string(body), 0, true)
}
