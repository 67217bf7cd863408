// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package podinjection

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	admissionapply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"

	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/pkg/workload"
)

// ownNetwork leaves pods alone whose node would get the rules.
const ownNetwork = "!has(object.spec.hostNetwork) || !object.spec.hostNetwork"

// privileged lets no pod through whose namespace has a Pod Security level that would refuse it with the proxy, as injection.RefusingLevel does; whoever
// reads a level that there is not is as strict as he can be. It stands with the mutations: conditions have no namespaceObject.
const privileged = "(!has(namespaceObject.metadata.labels) || !('" + injection.EnforceLabel + "' in namespaceObject.metadata.labels) || " +
	"namespaceObject.metadata.labels['" + injection.EnforceLabel + "'] == 'privileged')"

// conditions let no pod through that has the proxy, nor any that injection.RefuseCapture refuses.
func conditions() []*admissionapply.MatchConditionApplyConfiguration {
	const aProxy = "has(%[1]s.securityContext) && has(%[1]s.securityContext.runAsUser) && %[1]s.securityContext.runAsUser == %[2]d"
	none := func(list, match string) string {
		return fmt.Sprintf("(!has(object.spec.%[1]s) || !object.spec.%[1]s.exists(c, %[2]s))", list, match)
	}
	everywhere := func(match string) string { return none("initContainers", match) + " && " + none("containers", match) }
	condition := func(name, expression string) *admissionapply.MatchConditionApplyConfiguration {
		return admissionapply.MatchCondition().WithName(name).WithExpression(expression)
	}
	ports := strings.Join(strings.Fields(fmt.Sprint(wiring.ProxyPorts())), ", ")
	return []*admissionapply.MatchConditionApplyConfiguration{
		condition(notInjectedName, notInjected),
		condition("own-network", ownNetwork),
		condition("linux", fmt.Sprintf("!has(object.spec.os) || object.spec.os.name != '%s'", corev1.Windows)),
		condition("other-user", fmt.Sprintf("!("+aProxy+") && ", "object.spec", wiring.ProxyUID)+everywhere(fmt.Sprintf(aProxy, "c", wiring.ProxyUID))),
		condition("free-ports", everywhere("has(c.ports) && c.ports.exists(p, p.containerPort in "+ports+")")),
		condition("free-names", none("containers", "c.name in "+quotes(wiring.ProxyContainerName, wiring.InitContainerName))+" && "+
			none("volumes", "c.name in "+quotes(injection.Volumes()...))),
	}
}

// quotes is a list of strings in CEL.
func quotes(all ...string) string {
	quoted := make([]string, len(all))
	for i, text := range all {
		quoted[i] = quote(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// What kube-apiserver reads of one expression: cel-go parses no more characters, and no deeper, which each "+" of a list leads.
const (
	maxExpression = 100_000
	maxLists      = 100
)

// mutation adds a patch to the pods of a workload, as kind/name, of a namespace: injection.Patch.Operations in CEL. Entries are added to
// lists and no list is written anew, so that whatever else a pod has stays as it is.
func mutation(namespace, into string, patch injection.Patch) (string, error) {
	var all writer
	all.parts("containers", 0, patch.OfContainers)
	all.add("object.spec", "/spec", "initContainers", literals(&all, "spec.initContainers", patch.InitContainers), true)
	all.fit(len(patch.InitContainers))
	all.parts("initContainers", len(patch.InitContainers), patch.OfInitContainers)
	all.add("object.spec", "/spec", "volumes", literals(&all, "spec.volumes", patch.Volumes), false)
	all.secrets(injection.References(patch.ImagePullSecrets))
	if all.err != nil {
		return "", all.err
	}
	if len(all.lists) > maxLists {
		return "", fmt.Errorf("%d lists of additions, of which kube-apiserver reads %d", len(all.lists), maxLists)
	}
	expression := fmt.Sprintf("request.namespace == %s && %s && (%s) ? (\n%s\n) : []", quote(namespace), privileged, ofTheWorkload(into), strings.Join(all.lists, " +\n"))
	if len(expression) > maxExpression {
		return "", fmt.Errorf("the expression has %d bytes, of which kube-apiserver reads %d", len(expression), maxExpression)
	}
	return expression, nil
}

// ofTheWorkload tells whether a workload, as kind/name, makes the pod: workload.OwnerOf in CEL.
func ofTheWorkload(wanted string) string {
	var maker strings.Builder
	for _, templater := range workload.Templaters {
		fmt.Fprintf(&maker, `o.kind == 'ReplicaSet' && has(object.metadata.labels) && '%[1]s' in object.metadata.labels && object.metadata.labels['%[1]s'] != ''`+
			` && o.name.endsWith('-' + object.metadata.labels['%[1]s']) ? '%[2]s/' + o.name.substring(0, size(o.name) - size(object.metadata.labels['%[1]s']) - 1) : `,
			templater.Label, templater.Reference.Kind)
	}
	fmt.Fprintf(&maker, `o.kind == 'Job' && o.name.matches('%s') ? 'CronJob/' + o.name.substring(0, o.name.lastIndexOf('-')) : o.kind + '/' + o.name`, workload.ScheduledSuffix)
	owners := "object.metadata.ownerReferences.filter(o, has(o.controller) && o.controller)"
	return fmt.Sprintf("has(object.metadata.ownerReferences) && %[1]s.size() > 0 ? %[1]s.exists(o, (%[2]s) == %[3]s) : has(object.metadata.name) && 'Pod/' + object.metadata.name == %[3]s",
		owners, maker.String(), quote(wanted))
}

// writer gathers lists of operations in CEL.
type writer struct {
	lists []string
	err   error
}

// add adds entries to a list of an object: at its end, or in front of it. A list that is not there is made.
func (w *writer) add(object, path, list string, entries []string, front bool) {
	if len(entries) > 0 {
		w.lists = append(w.lists, adding(object, quote(path+"/"+list), list, entries, front))
	}
}

// adding is a list of operations; path is an expression.
func adding(object, path, list string, entries []string, front bool) string {
	var operations []string
	for i, entry := range entries {
		at := "/-"
		if front {
			at = fmt.Sprintf("/%d", i)
		}
		operations = append(operations, fmt.Sprintf("JSONPatch{op: 'add', path: %s + '%s', value: %s}", path, at, entry))
	}
	return fmt.Sprintf("(has(%s.%s) ? [] : [JSONPatch{op: 'add', path: %s, value: []}]) + [\n%s]", object, list, path, strings.Join(operations, ",\n"))
}

// fit leaves the first init containers without resources in a pod that has some of its own, as injection.Capture does.
func (w *writer) fit(count int) {
	var removals []string
	for i := range count {
		removals = append(removals, fmt.Sprintf("JSONPatch{op: 'remove', path: '/spec/initContainers/%d/resources'}", i))
	}
	w.lists = append(w.lists, "(has(object.spec.resources) ? ["+strings.Join(removals, ", ")+"] : [])")
}

// parts adds what containers of a list get, by their names. shift is how many were put before them.
func (w *writer) parts(list string, shift int, parts []corev1.Container) {
	for _, part := range parts {
		object := fmt.Sprintf("object.spec.%s[i]", list)
		path := fmt.Sprintf("'/spec/%s/' + string(i + %d)", list, shift)
		var adds []string
		for _, field := range []struct {
			name    string
			entries []string
		}{
			{"env", literals(w, "spec."+list+".env", part.Env)}, {"volumeMounts", literals(w, "spec."+list+".volumeMounts", part.VolumeMounts)},
		} {
			if len(field.entries) > 0 {
				adds = append(adds, adding(object, path+" + '/"+field.name+"'", field.name, field.entries, false))
			}
		}
		if len(adds) > 0 {
			w.lists = append(w.lists, fmt.Sprintf("(has(object.spec.%[1]s) ? lists.range(size(object.spec.%[1]s)).filter(i, object.spec.%[1]s[i].name == %[2]s).map(i, %[3]s).flatten() : [])",
				list, quote(part.Name), strings.Join(adds, " + ")))
		}
	}
}

// secrets adds those that the pod does not have.
func (w *writer) secrets(secrets []corev1.LocalObjectReference) {
	if len(secrets) == 0 {
		return
	}
	w.lists = append(w.lists, "(has(object.spec.imagePullSecrets) ? [] : [JSONPatch{op: 'add', path: '/spec/imagePullSecrets', value: []}])")
	for _, secret := range secrets {
		w.lists = append(w.lists, fmt.Sprintf("(has(object.spec.imagePullSecrets) && object.spec.imagePullSecrets.exists(s, s.name == %[1]s) ? [] : "+
			"[JSONPatch{op: 'add', path: '/spec/imagePullSecrets/-', value: Object.spec.imagePullSecrets{name: %[1]s}}])", quote(secret.Name)))
	}
}

// literals writes the entries of the list at a path of a pod.
func literals[T any](w *writer, path string, entries []T) (all []string) {
	for _, entry := range entries {
		data, err := json.Marshal(entry)
		if err != nil {
			w.err = err
			return nil
		}
		var value any
		if err := json.Unmarshal(data, &value); err != nil {
			w.err = err
			return nil
		}
		text, err := literal("Object."+path, value)
		if err != nil {
			w.err = err
			return nil
		}
		all = append(all, text)
	}
	return all
}

// literal writes a value in CEL. An object has the type of its place, as patches demand; kube-apiserver looks at its names alone. Maps whose keys
// are anybody's are maps in CEL as well.
func literal(path string, value any) (string, error) {
	switch v := value.(type) {
	case map[string]any:
		free := isFree(path)
		var fields []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			name := key
			if free {
				name = quote(key)
			} else if !isField(key) {
				return "", fmt.Errorf("%q of %s is not the name of a field", key, path)
			}
			text, err := literal(path+"."+key, v[key])
			if err != nil {
				return "", err
			}
			fields = append(fields, name+": "+text)
		}
		if free {
			path = ""
		}
		return path + "{" + strings.Join(fields, ", ") + "}", nil
	case []any:
		var items []string
		for _, item := range v {
			text, err := literal(path, item)
			if err != nil {
				return "", err
			}
			items = append(items, text)
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	case string:
		return quote(v), nil
	case float64: // all of a pod's are whole
		return fmt.Sprintf("%.0f", v), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", fmt.Errorf("%v in %s cannot be written", value, path)
}

// isFree tells whether what stands at a path has the keys of its owner: of what we add these are the kinds of resources alone.
func isFree(path string) bool {
	return strings.HasSuffix(path, ".resources.limits") || strings.HasSuffix(path, ".resources.requests")
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reserved are the words of CEL that name no field.
var reserved = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "namespace", "null", "package", "return",
	"true", "var", "void", "while",
}

func isField(key string) bool {
	return identifier.MatchString(key) && !slices.Contains(reserved, key)
}

// quote writes a string in CEL, which reads the escapes of JSON.
func quote(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		panic(err) // strings can be encoded
	}
	return string(data)
}
