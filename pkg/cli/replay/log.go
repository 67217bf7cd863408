// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/objects"
	"github.com/restage-dev/restage/pkg/cli/subresource"
)

// logFlags are those of kubectl restage replay log.
type logFlags struct {
	follow bool
	tail   int64
	since  time.Duration
}

// newLog returns kubectl restage replay log.
func newLog(c *cluster.Cluster, streams genericiooptions.IOStreams) *cobra.Command {
	f := &logFlags{}
	cmd := &cobra.Command{
		Use:     "log NAME",
		Aliases: []string{"logs"},
		Short:   "Print what the operator and the generator said of a run",
		Example: `  kubectl restage replay log try --tail 20
  kubectl restage replay log try -f`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeNames(c),
		RunE: func(cmd *cobra.Command, args []string) error {
			return printLog(cmd.Context(), c, streams.Out, args[0], f)
		},
	}
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "Go on until the replay has ended and is cleared up.")
	cmd.Flags().Int64Var(&f.tail, "tail", -1, "How many of the lines that are there, counted from the end. Default is all.")
	cmd.Flags().DurationVar(&f.since, "since", 0, "Only lines that are not older than this, such as 5m.")
	return cmd
}

func (f *logFlags) query() (url.Values, error) {
	query := url.Values{}
	if f.follow {
		query.Set("follow", "true")
	}
	if f.tail < -1 {
		return nil, fmt.Errorf("--tail %d: must not be negative; leave it out for all", f.tail)
	}
	if f.tail >= 0 {
		query.Set("tailLines", strconv.FormatInt(f.tail, 10))
	}
	if f.since != 0 {
		if f.since < time.Second {
			return nil, fmt.Errorf("--since %s: must be at least 1s", f.since)
		}
		query.Set("sinceSeconds", strconv.FormatInt(int64(f.since/time.Second), 10))
	}
	return query, nil
}

func printLog(ctx context.Context, c *cluster.Cluster, out io.Writer, name string, f *logFlags) error {
	query, err := f.query()
	if err != nil {
		return err
	}
	client, err := subresource.New(c)
	if err != nil {
		return err
	}
	response, err := client.Do(ctx, subresource.Request{Method: http.MethodGet, Resource: resource, Name: name, Subresource: "log", Query: query})
	if err != nil {
		return objects.Explain(ctx, c, resource, err)
	}
	defer response.Body.Close()
	for lines := bufio.NewReader(response.Body); ; {
		line, err := lines.ReadString('\n')
		if line != "\n" { // a sign of life
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("the log broke off: %w", err)
		}
	}
}
