// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/objects"
	"github.com/restage-dev/restage/pkg/cli/subresource"
	"github.com/restage-dev/restage/pkg/report"
)

// maxReport bounds what is read of a report; the server keeps no more.
const maxReport = 64 << 20

// format of a report.
type format struct {
	name, ending, mediaType string
}

var formats = []format{
	{"json", ".json", "application/json"},
	{"html", ".html", "text/html"},
	{"junit", ".xml", "application/junit+xml"},
}

// formatOfFile tells the format by the ending of a file; nil when there is no file.
func formatOfFile(path string) (*format, error) {
	if path == "" {
		return nil, nil
	}
	for _, f := range formats {
		if strings.EqualFold(filepath.Ext(path), f.ending) {
			return &f, nil
		}
	}
	return nil, fmt.Errorf("--report %q: must end in .html, .json or .xml (JUnit)", path)
}

// reports reads the reports of replays.
type reports struct{ client *subresource.Client }

func newReports(c *cluster.Cluster, namespace string) (*reports, error) {
	client, err := subresource.New(c)
	if err != nil {
		return nil, err
	}
	return &reports{client.In(namespace)}, nil
}

func (r *reports) read(ctx context.Context, name string, f format) ([]byte, error) {
	response, err := r.client.Do(ctx, subresource.Request{
		Method: http.MethodGet, Resource: resource, Name: name, Subresource: "report", Header: http.Header{"Accept": {f.mediaType}},
	})
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxReport+1))
	if err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	if len(data) > maxReport {
		return nil, fmt.Errorf("reading the report: it has more than %d MiB", maxReport>>20)
	}
	return data, nil
}

func (r *reports) document(ctx context.Context, name string) (*report.Report, error) {
	data, err := r.read(ctx, name, formats[0])
	if err != nil {
		return nil, err
	}
	return report.Decode(data)
}

func (r *reports) write(ctx context.Context, name string, f format, path string) error {
	data, err := r.read(ctx, name, f)
	if err != nil {
		return fmt.Errorf("writing the report to %s: %w", path, err)
	}
	// It holds payloads of production, which are nobody else's business.
	return os.WriteFile(path, data, 0o600)
}

// newReport returns kubectl restage replay report.
func newReport(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	var output, file string
	cmd := &cobra.Command{
		Use:   "report NAME",
		Short: "Print the report of a replay",
		Long: `Print the report of a replay: a summary, or with -o the whole of it as JSON, as a page that needs nothing else (html), or as JUnit. It holds payloads of
production; the right for it is get of trafficreplays/report.`,
		Example: `  kubectl restage replay report try
  kubectl restage replay report try -o html -f report.html`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeNames(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printReport(cmd.Context(), c, streams, args[0], output, file)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, html or junit. Default is a summary.")
	cmd.Flags().StringVarP(&file, "filename", "f", "", "Write to this file instead of standard output.")
	complete.Flag(cmd, "output", cobra.FixedCompletions([]cobra.Completion{"json", "html", "junit"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func printReport(ctx context.Context, c *cluster.Cluster, streams genericiooptions.IOStreams, name, output, file string) error {
	namespace, err := c.Namespace()
	if err != nil {
		return err
	}
	reports, err := newReports(c, namespace)
	if err != nil {
		return err
	}
	if output == "" {
		if file != "" {
			return errors.New("--filename: needs -o json, html or junit")
		}
		return summarize(ctx, c, streams, reports, name)
	}
	for _, f := range formats {
		if f.name != output {
			continue
		}
		if file != "" {
			return objects.Explain(ctx, c, resource, reports.write(ctx, name, f, file))
		}
		data, err := reports.read(ctx, name, f)
		if err != nil {
			return objects.Explain(ctx, c, resource, err)
		}
		_, err = streams.Out.Write(data)
		return err
	}
	return fmt.Errorf("-o %q: must be json, html or junit", output)
}

func summarize(ctx context.Context, c *cluster.Cluster, streams genericiooptions.IOStreams, reports *reports, name string) error {
	restage, namespace, err := c.Here()
	if err != nil {
		return err
	}
	replay, err := restage.ReplayV1alpha1().TrafficReplays(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return objects.Explain(ctx, c, resource, err)
	}
	document, err := reports.document(ctx, name)
	if err != nil {
		return err
	}
	printVerdict(streams.Out, replay, document)
	return nil
}

func completeNames(c *cluster.Cluster) cobra.CompletionFunc { return complete.Names(c, resource) }
