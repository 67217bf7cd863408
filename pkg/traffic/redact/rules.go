// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/restage-dev/restage/pkg/compare"
	"github.com/restage-dev/restage/pkg/wiring"
)

// Classes of secrets. Each but Header is found by a detector of that name.
const (
	ClassToken       = "Token"
	ClassCard        = "Card"
	ClassEmail       = "Email"
	ClassPrivateKey  = "PrivateKey"
	ClassCloudKey    = "CloudKey"
	ClassSecretField = "SecretField"
	ClassHeader      = "Header" // headers that carry credentials, always redacted
)

// RulePrefix begins the class of what a user's rule redacts.
const RulePrefix = "Rule/"

// MaxRules is the greatest number of rules; all of them are tried on all traffic.
const MaxRules = 32

// maxPattern is the longest regular expression, in bytes.
const maxPattern = 1024

// Detectors are the names of the detectors, all of which are at work unless they are disabled.
func Detectors() []string {
	return []string{ClassToken, ClassCard, ClassEmail, ClassPrivateKey, ClassCloudKey, ClassSecretField}
}

// rules are what users add.
type rules struct {
	headers map[string]string // lower-case name to class
	paths   []pathRule
	named   bool // a path goes by the name of a field
	regexps []regexpRule
}

// of is the class of the first rule whose path covers a place, empty when none does.
func (r *rules) of(at *compare.Place) string {
	for i := range r.paths {
		if r.paths[i].path.Covers(at) {
			return r.paths[i].class
		}
	}
	return ""
}

type pathRule struct {
	class string
	path  compare.Path
}

type regexpRule struct {
	class   string
	pattern *regexp.Regexp
}

// CheckRule tells whether a rule can be followed.
func CheckRule(rule wiring.RedactionRule) error {
	return (&rules{headers: map[string]string{}}).add(rule)
}

func (r *rules) add(rule wiring.RedactionRule) error {
	class := RulePrefix + rule.Name
	given := 0
	for _, text := range []string{rule.Header, rule.JSONPath, rule.Regexp} {
		if text != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("exactly one of header, jsonPath and regexp is required")
	case rule.Header != "":
		if !httpguts.ValidHeaderFieldName(rule.Header) {
			return fmt.Errorf("header: %q is not the name of a header", rule.Header)
		}
		r.headers[strings.ToLower(rule.Header)] = class
	case rule.JSONPath != "":
		path, err := compare.ParsePath(rule.JSONPath)
		if err != nil {
			return fmt.Errorf("jsonPath: %w", err)
		}
		r.paths = append(r.paths, pathRule{class, path})
		r.named = r.named || path.HasNames()
	default:
		pattern, err := compilePattern(rule.Regexp)
		if err != nil {
			return fmt.Errorf("regexp: %w", err)
		}
		r.regexps = append(r.regexps, regexpRule{class, pattern})
	}
	return nil
}

func compilePattern(text string) (*regexp.Regexp, error) {
	if len(text) > maxPattern {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(text), maxPattern)
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	if pattern.MatchString("") {
		return nil, fmt.Errorf("%q matches the empty text, and so everywhere", text)
	}
	return pattern, nil
}

// With makes the redactor follow settings. The error names the field that cannot be followed.
func (r *Redactor) With(settings wiring.RedactionSettings) (*Redactor, error) {
	enabled := Detectors()
	for i, name := range settings.DisabledDetectors {
		if !slices.Contains(Detectors(), name) {
			return nil, fmt.Errorf("redaction.disabledDetectors[%d]: %q, allowed are %s", i, name, strings.Join(Detectors(), ", "))
		}
		enabled = slices.DeleteFunc(enabled, func(other string) bool { return other == name })
	}
	if len(settings.Rules) > MaxRules {
		return nil, fmt.Errorf("redaction.rules: %d, at most %d are allowed", len(settings.Rules), MaxRules)
	}
	r.rules = rules{headers: map[string]string{}}
	for i, rule := range settings.Rules {
		if err := r.rules.add(rule); err != nil {
			return nil, fmt.Errorf("redaction.rules[%d]: %w", i, err)
		}
	}
	r.finder = newFinder(enabled)
	r.fields = slices.Contains(enabled, ClassSecretField)
	return r, nil
}
