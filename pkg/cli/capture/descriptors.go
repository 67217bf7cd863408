// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/cli/reflection"
	"github.com/restage-dev/restage/pkg/wiring"
)

// descriptorsCommand is kubectl restage capture descriptors.
type descriptorsCommand struct {
	streams   genericiooptions.IOStreams
	addresses []string
	timeout   time.Duration
}

func newDescriptors(streams genericiooptions.IOStreams) *cobra.Command {
	r := &descriptorsCommand{streams: streams}
	cmd := &cobra.Command{
		Use:   "descriptors NAME --address HOST:PORT",
		Short: "Print a ConfigMap with the types of gRPC messages, as servers tell them by reflection",
		Long: `Print a ConfigMap with the types of gRPC messages, for the annotation capture.restage.dev/descriptor-set: fields then have names in rules, reports and
records. The types come from gRPC server reflection (v1, else v1alpha) of the servers at the addresses, which are asked in the clear and once, from here. Production is
not asked by Restage itself: lead to a pod with kubectl port-forward, or run the servers anywhere else.

Give the workload and those that it calls. Where there is no reflection protoc and buf write the same.`,
		Example: `  kubectl port-forward deploy/front 9000 &
  kubectl restage capture descriptors front-descriptors --address localhost:9000 | kubectl apply --server-side -f -
  kubectl annotate deploy/front capture.restage.dev/descriptor-set=front-descriptors`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args[0]) },
	}
	cmd.Flags().StringSliceVar(&r.addresses, "address", nil, "HOST:PORT of a gRPC server with reflection; may be repeated. Of a file that several have the first counts.")
	cmd.Flags().DurationVar(&r.timeout, "timeout", 30*time.Second, "How long the servers may take altogether.")
	return cmd
}

func (r *descriptorsCommand) run(ctx context.Context, name string) error {
	if problems := apivalidation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
		return fmt.Errorf("NAME %q: %s", name, strings.Join(problems, "; "))
	}
	if len(r.addresses) == 0 {
		return errors.New("--address: must name a gRPC server, as HOST:PORT")
	}
	for _, address := range r.addresses {
		if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
			return fmt.Errorf("--address %q: must be HOST:PORT", address)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var files reflection.Files
	for _, address := range r.addresses {
		if err := files.Add(ctx, address); err != nil {
			return err
		}
	}
	set, err := files.Marshal()
	if err != nil {
		return fmt.Errorf("what the servers told cannot be used: %w", err)
	}
	out, err := yaml.Marshal(corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: name},
		BinaryData: map[string][]byte{wiring.DescriptorSetKey: set},
	})
	if err != nil {
		return fmt.Errorf("writing the ConfigMap: %w", err)
	}
	_, err = r.streams.Out.Write(out)
	return err
}
