// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package fitting

import (
	"context"
	"encoding/json"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/restage-dev/restage/pkg/controller/safeguards"
)

// policy is one of wiring.PodResources, compiled as kube-apiserver compiles it (k8s.io/apiserver/pkg/admission/plugin/policy/mutating, which keeps that to itself).
type policy struct {
	name      string
	compiler  *plugincel.CompositedCompiler
	mutations []patch.Patcher
}

func compile(name string) (*policy, error) {
	applied, _, err := safeguards.Manifest(name, nil)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(applied)
	if err != nil {
		return nil, fmt.Errorf("encoding MutatingAdmissionPolicy %q: %w", name, err)
	}
	var wanted admissionv1.MutatingAdmissionPolicy
	if err := json.Unmarshal(data, &wanted); err != nil {
		return nil, fmt.Errorf("decoding MutatingAdmissionPolicy %q: %w", name, err)
	}
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, fmt.Errorf("compiling MutatingAdmissionPolicy %q: %w", name, err)
	}
	p := &policy{name: name, compiler: compiler}
	options := plugincel.OptionalVariableDeclarations{HasParams: wanted.Spec.ParamKind != nil}
	for _, variable := range wanted.Spec.Variables {
		named := &validating.Variable{Name: variable.Name, Expression: variable.Expression}
		if result := compiler.CompileAndStoreVariable(named, options, environment.StoredExpressions); result.Error != nil {
			return nil, fmt.Errorf("compiling variable %q of MutatingAdmissionPolicy %q: %w", variable.Name, name, result.Error)
		}
	}
	options.HasPatchTypes = true
	for i, mutation := range wanted.Spec.Mutations {
		evaluator := compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression}, options, environment.StoredExpressions)
		if errs := evaluator.CompilationErrors(); len(errs) > 0 {
			return nil, fmt.Errorf("compiling mutation %d of MutatingAdmissionPolicy %q: %w", i, name, errs[0])
		}
		p.mutations = append(p.mutations, patch.NewJSONPatcher(evaluator))
	}
	return p, nil
}

// apply returns a pod that is being made as the policy has it for one of its parameters.
func (p *policy) apply(ctx context.Context, pod *corev1.Pod, parameter runtime.Object) (*corev1.Pod, error) {
	kind, resource := corev1.SchemeGroupVersion.WithKind("Pod"), corev1.SchemeGroupVersion.WithResource("pods")
	objects := admission.NewObjectInterfacesFromScheme(scheme.Scheme)
	made := admission.NewAttributesRecord(pod, nil, kind, pod.Namespace, pod.Name, resource, "", admission.Create, &metav1.CreateOptions{}, false, nil)
	asked, err := admission.NewVersionedAttributes(made, kind, objects)
	if err != nil {
		return nil, fmt.Errorf("asking MutatingAdmissionPolicy %q: %w", p.name, err)
	}
	variables := p.compiler.CreateContext(ctx)
	for i, mutation := range p.mutations {
		patched, err := mutation.Patch(variables, patch.Request{
			MatchedResource: resource, VersionedAttributes: asked, ObjectInterfaces: objects,
			OptionalVariables: plugincel.OptionalVariableBindings{VersionedParams: parameter},
		}, celconfig.RuntimeCELCostBudget)
		if err != nil {
			return nil, fmt.Errorf("mutation %d of MutatingAdmissionPolicy %q: %w", i, p.name, err)
		}
		asked.UpdateObject(patched)
	}
	result, ok := asked.GetObject().(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("MutatingAdmissionPolicy %q has made a %T of a pod", p.name, asked.GetObject())
	}
	return result, nil
}
