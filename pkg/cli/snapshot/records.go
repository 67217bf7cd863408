// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/objects"
	"github.com/restage-dev/restage/pkg/cli/subresource"
	"github.com/restage-dev/restage/pkg/traffic/har"
)

const (
	// pageRecords is how many records are asked for at once, the most that the server gives.
	pageRecords = 10000
	// maxPage bounds what is read of a page; the server ends one after 4 MiB and the record that goes beyond.
	maxPage = 64 << 20
	// continueHeader has the token of the next page.
	continueHeader = "Restage-Continue"
	ndjson         = "application/x-ndjson"
)

// recordsCommand is kubectl restage snapshot records.
type recordsCommand struct {
	cluster *cluster.Cluster
	streams genericiooptions.IOStreams
	output  string
	file    string
	limit   int64
	filters map[string]*string
}

// filters are the parameters of trafficsnapshots/records, which are flags of the same names.
var filters = [][2]string{
	{"direction", "Inbound for what the workload received, Outbound for what it called. Default is both."},
	{"key", "The key of a slice, or a unique part of it."},
	{"method", "The method of the request, such as GET."},
	{"path", "The path of the request; * stands for any text."},
	{"operation", `Method and path, as in "GET /orders/*".`},
	{"status", "A status, a class such as 5xx, or none for no response; several are separated by commas."},
	{"since", "Requests that began at this time, in RFC 3339 or as a duration ago, or later."},
	{"until", "Requests that began before this time, in RFC 3339 or as a duration ago."},
}

func newRecords(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	r := &recordsCommand{cluster: c, streams: streams, filters: map[string]*string{}}
	cmd := &cobra.Command{
		Use:   "records NAME",
		Short: "Print the records of a snapshot",
		Long: `Print the records of a snapshot, one JSON object a line (ndjson) or as one HTTP archive (har), which browsers and load tools read. They hold payloads of
production; the right for it is get of trafficsnapshots/records.`,
		Example: `  kubectl restage snapshot records monday --limit 3
  kubectl restage snapshot records monday --direction Outbound --status 5xx,none
  kubectl restage snapshot records monday -o har -f monday.har`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: complete.Names(c, resource),
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&r.output, "output", "o", "ndjson", "ndjson or har.")
	flags.StringVarP(&r.file, "filename", "f", "", "Write to this file instead of standard output.")
	flags.Int64Var(&r.limit, "limit", 0, "At most so many records. Default is all.")
	for _, filter := range filters {
		r.filters[filter[0]] = flags.String(filter[0], "", filter[1])
	}
	complete.Flag(cmd, "output", cobra.FixedCompletions([]cobra.Completion{"ndjson", "har"}, cobra.ShellCompDirectiveNoFileComp))
	complete.Flag(cmd, "direction", cobra.FixedCompletions([]cobra.Completion{"Inbound", "Outbound"}, cobra.ShellCompDirectiveNoFileComp))
	complete.Flag(cmd, "key", complete.Slices(c, complete.FirstArgument, ""))
	return cmd
}

func (r *recordsCommand) run(ctx context.Context, name string) (err error) {
	query, err := r.query(time.Now())
	if err != nil {
		return err
	}
	client, err := subresource.New(r.cluster)
	if err != nil {
		return err
	}
	out := r.streams.Out
	if r.file != "" {
		// It holds payloads of production, which are nobody else's business.
		file, err := os.OpenFile(r.file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("--filename: %w", err)
		}
		defer func() {
			if closing := file.Close(); err == nil {
				err = closing
			}
		}()
		out = file
	}
	buffered := bufio.NewWriter(out)
	sink, mediaType := sink(&lineSink{out: buffered}), ndjson
	if r.output == "har" {
		sink, mediaType = &harSink{out: buffered}, har.MediaType
	}
	pages := &pages{client: client, name: name, mediaType: mediaType, query: query, limit: r.limit, errOut: r.streams.ErrOut}
	if err := pages.copyTo(ctx, sink); err != nil {
		_ = buffered.Flush() // what has come so far
		return objects.Explain(ctx, r.cluster, resource, err)
	}
	if err := sink.close(); err != nil {
		return err
	}
	return buffered.Flush()
}

// query reads the flags.
func (r *recordsCommand) query(now time.Time) (url.Values, error) {
	if r.output != "ndjson" && r.output != "har" {
		return nil, fmt.Errorf("-o %q: must be ndjson or har", r.output)
	}
	if r.limit < 0 {
		return nil, fmt.Errorf("--limit %d: must not be negative; 0 is all", r.limit)
	}
	query := url.Values{}
	for name, value := range r.filters {
		if *value == "" {
			continue
		}
		query.Set(name, *value)
		if name == "since" || name == "until" {
			at, err := moment("--"+name, *value, now)
			if err != nil {
				return nil, err
			}
			query.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
	return query, nil
}

// sink takes the pages one after another.
type sink interface {
	// page returns how many records there were in it.
	page(data []byte) (int64, error)
	close() error
}

// pages reads records, page by page.
type pages struct {
	client    *subresource.Client
	name      string
	mediaType string
	query     url.Values
	limit     int64 // 0 for none
	errOut    io.Writer
}

// copyTo hands on all pages, until the limit.
func (p *pages) copyTo(ctx context.Context, to sink) error {
	token := ""
	for left := p.limit; ; {
		size := int64(pageRecords)
		if p.limit > 0 {
			size = min(size, left)
		}
		data, next, err := p.read(ctx, token, size)
		if err != nil {
			return err
		}
		count, err := to.page(data)
		if err != nil {
			return err
		}
		left -= count
		if token = next; token == "" || p.limit > 0 && left <= 0 {
			return nil
		}
	}
}

// read reads one page, again when the server is restarting or the page breaks off.
func (p *pages) read(ctx context.Context, token string, size int64) (data []byte, next string, err error) {
	query := url.Values{}
	for name, values := range p.query {
		query[name] = values
	}
	query.Set("limit", strconv.FormatInt(size, 10))
	if token != "" {
		query.Set("continue", token)
	}
	err = retry(ctx, p.errOut, func() error {
		response, err := p.client.Do(ctx, subresource.Request{
			Method: http.MethodGet, Resource: resource, Name: p.name, Subresource: "records", Query: query, Header: http.Header{"Accept": {p.mediaType}},
		})
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if data, err = io.ReadAll(io.LimitReader(response.Body, maxPage+1)); err != nil {
			return err
		}
		if len(data) > maxPage {
			return fmt.Errorf("reading records: a page has more than %d MiB", maxPage>>20)
		}
		next = response.Header.Get(continueHeader)
		return nil
	})
	return data, next, err
}
