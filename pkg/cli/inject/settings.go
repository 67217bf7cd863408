// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package inject

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/manifest"
	"github.com/restage-dev/restage/pkg/release"
	"github.com/restage-dev/restage/pkg/wiring"
)

// settings are the flags that say what is put in.
type settings struct {
	image, registry string
	pull            string
	secrets         []string
	system          string
}

func (s *settings) addTo(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&s.image, "image", "", "The image of the recording proxy. Default is that of the installation in the cluster.")
	flags.StringVar(&s.registry, "registry", "", "Where the images of this release are rehosted, such as registry.example/restage; instead of --image.")
	flags.StringVar(&s.pull, "image-pull-policy", "", "Always, IfNotPresent or Never. Default is that of the installation, else IfNotPresent.")
	flags.StringSliceVar(&s.secrets, "image-pull-secrets", nil, "Secrets in the namespace of the workload that the image is pulled with. Default is those of the installation.")
	flags.StringVar(&s.system, "system-namespace", "", "Namespace of Restage itself. Default: where it is found, else "+installation.DefaultNamespace+".")
}

// options reads the flags and, for what they leave open, the installation in the cluster. When that cannot be read, the release's own
// image is taken, and errOut is told.
func (s *settings) options(ctx context.Context, c *cluster.Cluster, errOut io.Writer) (manifest.Options, error) {
	o := manifest.Options{Image: s.image, ImagePullPolicy: corev1.PullPolicy(s.pull), ImagePullSecrets: s.secrets}
	switch {
	case s.image != "" && s.registry != "":
		return o, errors.New("--image and --registry: give one of them")
	case s.registry != "":
		o.Image = s.registry + "/" + releaseImage
	}
	switch o.ImagePullPolicy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
	default:
		return o, fmt.Errorf("--image-pull-policy %q: must be Always, IfNotPresent or Never", s.pull)
	}
	system := s.system
	if o.Image == "" {
		found, err := find(ctx, c, s.system)
		if err != nil {
			fmt.Fprintf(errOut, "taking the image %s of this release, since the installation cannot be read: %v\n", releaseImage, err)
			o.Image = releaseImage
		} else {
			system = found.Namespace
			image, pull := found.ProxyImage()
			o.Image = image
			if o.ImagePullPolicy == "" {
				o.ImagePullPolicy = pull
			}
			if s.secrets == nil {
				o.ImagePullSecrets = found.PullSecrets()
			}
		}
	}
	if o.ImagePullPolicy == "" {
		o.ImagePullPolicy = corev1.PullIfNotPresent
	}
	if system == "" {
		system = installation.DefaultNamespace
	}
	o.Forwarder = net.JoinHostPort(installation.Forwarder+"."+system+".svc", strconv.Itoa(wiring.ForwarderPort))
	return o, nil
}

// releaseImage is the proxy of this release.
const releaseImage = "restage/proxy:" + release.Version

func find(ctx context.Context, c *cluster.Cluster, namespace string) (*installation.Installation, error) {
	found, err := c.Installation(ctx, namespace)
	if err != nil {
		return nil, err
	}
	if image, _ := found.ProxyImage(); image == "" {
		return nil, fmt.Errorf("there is none in namespace %q", found.Namespace)
	}
	return found, nil
}
