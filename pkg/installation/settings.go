// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package installation

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Images of what the controller puts into pods, by the names of the parts. The manifests give them to it as variables.
func (i *Installation) Images() map[string]string {
	images := map[string]string{}
	for part, variable := range map[string]string{
		"restage-proxy": "PROXY_IMAGE", "restage-responder": "RESPONDER_IMAGE", "restage-generator": "GENERATOR_IMAGE", Forwarder: "FORWARDER_IMAGE",
	} {
		if image := i.setting(Controller, variable); image != "" {
			images[part] = image
		}
	}
	return images
}

// ProxyImage is the image of restage-proxy and how it is pulled; empty when nothing is installed.
func (i *Installation) ProxyImage() (image string, pull corev1.PullPolicy) {
	return i.Images()["restage-proxy"], corev1.PullPolicy(i.setting(Controller, "IMAGE_PULL_POLICY"))
}

// PullSecrets are the names of the Secrets that pods with our images pull them with, wherever they are.
func (i *Installation) PullSecrets() []string {
	return list(i.setting(Controller, "IMAGE_PULL_SECRETS"))
}

// Namespaces are those that the installation is limited to; none when it works with all.
func (i *Installation) Namespaces() []string { return list(i.setting(Controller, "WATCH_NAMESPACES")) }

// StorageURL is where the forwarder keeps traffic; empty when it is on its own volume.
func (i *Installation) StorageURL() string { return i.setting(Controller, "STORAGE_URL") }

// Injection says how recording proxies get into pods, one of wiring.Injections; empty when nothing is installed.
func (i *Installation) Injection() string { return i.setting(Controller, "INJECTION") }

// EtcdServers are the addresses of the user's own etcd; none with the embedded one.
func (i *Installation) EtcdServers() []string { return list(i.setting(Server, "ETCD_SERVERS")) }

// setting reads a variable of a component.
func (i *Installation) setting(component, variable string) string {
	d := i.Deployments[component]
	if d == nil {
		return ""
	}
	for _, container := range d.Spec.Template.Spec.Containers {
		for _, env := range container.Env {
			if env.Name == variable {
				return env.Value
			}
		}
	}
	return ""
}

func list(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' })
}
