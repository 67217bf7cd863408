// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"fmt"
	"strings"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// ownNetwork leaves pods alone whose node would get the rules.
const ownNetwork = "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"

// ours are the names of the containers that are added, as a list in CEL.
const ours = "['" + wiring.ProxyContainerName + "', '" + wiring.InitContainerName + "']"

// ofTheWorkload tells whether the parameters are for the workload that makes the pod: workload.OwnerOf in CEL.
func ofTheWorkload() string {
	var maker strings.Builder
	for _, templater := range workload.Templaters {
		fmt.Fprintf(&maker, `o.kind == 'ReplicaSet' && has(object.metadata.labels) && '%[1]s' in object.metadata.labels && object.metadata.labels['%[1]s'] != ''`+
			` && o.name.endsWith('-' + object.metadata.labels['%[1]s']) ? '%[2]s/' + o.name.substring(0, size(o.name) - size(object.metadata.labels['%[1]s']) - 1) : `,
			templater.Label, templater.Reference.Kind)
	}
	fmt.Fprintf(&maker, `o.kind == 'Job' && o.name.matches('%s') ? 'CronJob/' + o.name.substring(0, o.name.lastIndexOf('-')) : o.kind + '/' + o.name`, workload.ScheduledSuffix)
	owners := "object.metadata.ownerReferences.filter(o, has(o.controller) && o.controller)"
	wanted := fmt.Sprintf("params.metadata.annotations['%s']", v1alpha1.AnnotationInjectInto)
	return fmt.Sprintf("has(object.metadata.ownerReferences) && %[1]s.size() > 0 ? %[1]s.exists(o, (%[2]s) == %[3]s) : has(object.metadata.name) && 'Pod/' + object.metadata.name == %[3]s",
		owners, maker.String(), wanted)
}

// mutations are injection.Patch.Operations in CEL, for a patch that is in a PodTemplate: first what containers of the workload get, by
// their names, then what the pod gets.
func mutations() []string {
	return []string{parts("containers"), parts("initContainers"), additions()}
}

// parts adds the variables and mounts that containers of a list get.
func parts(list string) string {
	const each = `(has(object.spec.LIST) ? lists.range(size(object.spec.LIST)) : []).map(i,
  (has(params.template.spec.LIST) ? params.template.spec.LIST : []).filter(p, p.name == object.spec.LIST[i].name && has(p.volumeMounts)).map(p,
    [JSONPatch{op: 'add', path: '/spec/LIST/' + string(i) + '/volumeMounts', value:
      (has(object.spec.LIST[i].volumeMounts) ? object.spec.LIST[i].volumeMounts : []) + p.volumeMounts}] +
    (has(p.env) ? [JSONPatch{op: 'add', path: '/spec/LIST/' + string(i) + '/env', value:
      (has(object.spec.LIST[i].env) ? object.spec.LIST[i].env : []) + p.env}] : [])
  ).flatten()
).flatten()`
	return strings.ReplaceAll(each, "LIST", list)
}

// additions puts our containers in front, so that nothing of the pod runs before them, and volumes and pull secrets at the ends.
func additions() string {
	return `[
  JSONPatch{op: 'add', path: '/spec/initContainers', value:
    params.template.spec.initContainers.filter(c, c.name in ` + ours + `) + (has(object.spec.initContainers) ? object.spec.initContainers : [])},
  JSONPatch{op: 'add', path: '/spec/volumes', value: (has(object.spec.volumes) ? object.spec.volumes : []) + params.template.spec.volumes}
] + (has(params.template.spec.imagePullSecrets) ? [
  JSONPatch{op: 'add', path: '/spec/imagePullSecrets', value: (has(object.spec.imagePullSecrets) ? object.spec.imagePullSecrets : []) +
    params.template.spec.imagePullSecrets.filter(s, !has(object.spec.imagePullSecrets) || !object.spec.imagePullSecrets.exists(o, o.name == s.name))}
] : [])`
}
