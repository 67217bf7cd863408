// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package workloadaccess

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
)

// right is a permission as RBAC has it.
type right struct {
	verb, group, version, resource, subresource, namespace, name string
}

// need is a right and the field because of which it is needed.
type need struct {
	right
	path *field.Path
}

// reads tells whether the right is needed because Restage reads and shows the object.
func (n need) reads() bool { return n.verb == "get" }

func (r right) of(caller user.Info) authorizer.Attributes {
	return authorizer.AttributesRecord{
		User: caller, Verb: r.verb, Namespace: r.namespace, Name: r.name,
		APIGroup: r.group, APIVersion: r.version, Resource: r.resource, Subresource: r.subresource, ResourceRequest: true,
	}
}

// denied words a refusal as kubectl users know it.
func (r right) denied(caller string) string {
	resource := r.resource
	if r.subresource != "" {
		resource += "/" + r.subresource
	}
	text := fmt.Sprintf("user %q cannot %s resource %q in API group %q in the namespace %q", caller, r.verb, resource, r.group, r.namespace)
	if r.name != "" {
		text += fmt.Sprintf(", name %q", r.name)
	}
	return text
}

// rights makes needs in a namespace. Classes, which have none, are asked for in the namespace in which they are used too, so that both a
// RoleBinding there and a ClusterRoleBinding grant them.
type rights struct {
	namespace string
}

func (r rights) to(verb string, resource schema.GroupVersionResource, name string, path *field.Path) need {
	return need{right{verb: verb, group: resource.Group, version: resource.Version, resource: resource.Resource, namespace: r.namespace, name: name}, path}
}

func (r rights) pods(path *field.Path) need {
	return need{right{verb: "create", version: "v1", resource: "pods", namespace: r.namespace}, path}
}

func (r rights) secret(name string, path *field.Path) need {
	return need{right{verb: "get", version: "v1", resource: "secrets", namespace: r.namespace, name: name}, path}
}

func (r rights) own(verb, resource, name string, path *field.Path) need {
	version := v1alpha1.SchemeGroupVersion
	return need{right{verb: verb, group: version.Group, version: version.Version, resource: resource, namespace: r.namespace, name: name}, path}
}

func (r rights) snapshot(name string) need {
	return r.own("get", "trafficsnapshots", name, specPath.Child("snapshotName"))
}

func (r rights) records(snapshot string, path *field.Path) need {
	n := r.own("get", "trafficsnapshots", snapshot, path)
	n.subresource = "records"
	return n
}

func (r rights) environment(name string, path *field.Path) need {
	return r.own("get", "environments", name, path)
}

func (r rights) class(name string, path *field.Path) need {
	return r.own("use", "environmentclasses", name, path)
}
