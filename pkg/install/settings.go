// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"cmp"
	"slices"
	"strings"
)

// setSettings writes what the parts read from variables: the manifests turn each into a flag.
func setSettings(o Options, all objects) error {
	settings := []struct{ part, variable, value string }{
		{controller, "CLUSTER_NAME", o.ClusterName},
		{controller, "STORAGE_URL", o.StorageURL},
		{controller, "INJECTION", string(o.Injection)},
		{controller, "WATCH_NAMESPACES", strings.Join(o.Namespaces, ",")},
		{apiserver, "INJECTION", string(o.Injection)},
		{apiserver, "WATCH_NAMESPACES", strings.Join(o.Namespaces, ",")},
	}
	if o.HA {
		settings = append(settings, struct{ part, variable, value string }{apiserver, "ETCD_SERVERS", strings.Join(o.EtcdServers, ",")})
	}
	for _, s := range settings {
		if err := all.setVariable(s.part, s.variable, s.value); err != nil {
			return err
		}
	}
	return nil
}

// sortVariables undoes that a patch of one variable moves it to the front: what the settings are decides, not where they come from.
func sortVariables(_ Options, all objects) error {
	for _, part := range parts {
		container, err := all.container(part)
		if err != nil {
			return err
		}
		variables, _ := container["env"].([]any)
		slices.SortFunc(variables, func(a, b any) int {
			return cmp.Compare(nameOf(a), nameOf(b))
		})
	}
	return nil
}

func nameOf(entry any) string {
	fields, _ := entry.(map[string]any)
	name, _ := fields["name"].(string)
	return name
}
