// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replaylimits

import (
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"

	configv1alpha1 "github.com/restage-dev/restage/pkg/admission/plugin/replaylimits/config/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/apis/replay/validation"
)

// loadConfiguration reads the configuration; without one nothing is limited but by classes. Unknown and doubled fields are errors.
func loadConfiguration(file io.Reader) (*configv1alpha1.Configuration, error) {
	if file == nil {
		return &configv1alpha1.Configuration{}, nil
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of %s: %w", PluginName, err)
	}
	scheme := runtime.NewScheme()
	if err := configv1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
	object, _, err := decoder.Decode(data, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("decoding the configuration of %s: %w", PluginName, err)
	}
	config, ok := object.(*configv1alpha1.Configuration)
	if !ok {
		return nil, fmt.Errorf("decoding the configuration of %s: unexpected %T", PluginName, object)
	}
	if err := validate(config).ToAggregate(); err != nil {
		return nil, fmt.Errorf("configuration of %s: %w", PluginName, err)
	}
	return config, nil
}

func validate(config *configv1alpha1.Configuration) (errs field.ErrorList) {
	if limit := config.MaxTimeout; limit != nil && limit.Duration <= 0 {
		errs = append(errs, field.Invalid(field.NewPath("maxTimeout"), limit.Duration.String(), "must be greater than 0s"))
	}
	if config.Limits == nil {
		return errs
	}
	var limits replay.EnvironmentLimits
	if err := v1alpha1.Convert_v1alpha1_EnvironmentLimits_To_replay_EnvironmentLimits(config.Limits, &limits, nil); err != nil {
		return append(errs, field.InternalError(field.NewPath("limits"), err))
	}
	return append(errs, validation.ValidateEnvironmentLimits(&limits, field.NewPath("limits"))...)
}
