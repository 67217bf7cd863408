// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"strings"

	"github.com/restage-dev/restage/pkg/release"
)

// imageVariables are those that hold images which a part puts into other pods.
var imageVariables = map[string][]string{
	apiserver:  {"PROXY_IMAGE"},
	controller: {"PROXY_IMAGE", "RESPONDER_IMAGE", "GENERATOR_IMAGE", "FORWARDER_IMAGE"},
}

// setImages rehosts every image, those that are put into pods as well, and sets its tag and how it is pulled.
func setImages(o Options, all objects) error {
	for _, part := range parts {
		container, err := all.container(part)
		if err != nil {
			return err
		}
		container["imagePullPolicy"] = o.ImagePullPolicy
		if container["image"], err = o.image(container["image"]); err != nil {
			return err
		}
		for _, name := range imageVariables[part] {
			variable, err := all.variable(part, name)
			if err != nil {
				return err
			}
			if variable["value"], err = o.image(variable["value"]); err != nil {
				return err
			}
		}
	}
	return errors.Join(all.setVariable(controller, "IMAGE_PULL_POLICY", o.ImagePullPolicy), all.setVariable(apiserver, "IMAGE_PULL_POLICY", o.ImagePullPolicy))
}

// image is where an image of the manifests is for this installation.
func (o Options) image(value any) (string, error) {
	image, _ := value.(string)
	name, found := strings.CutSuffix(image, ":"+release.Version)
	if !found {
		return "", fmt.Errorf("image %q of the manifests has not the tag %s", image, release.Version)
	}
	if o.Registry != "" {
		name = o.Registry + "/" + name
	}
	return name + ":" + o.Tag, nil
}
