// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/restage-dev/restage/pkg/release"
)

// invalid is a mistake in an option, by its name in a values file and as a flag.
func invalid(field string, value any, format string, args ...any) error {
	return fmt.Errorf("%s (--%s): %q: %s", field, flagName(field), fmt.Sprint(value), fmt.Sprintf(format, args...))
}

var upper = regexp.MustCompile("[A-Z]+")

// flagName writes storageURL as storage-url.
func flagName(field string) string {
	field, _, _ = strings.Cut(field, "[")
	return strings.ToLower(upper.ReplaceAllString(field, "-$0"))
}

// Validate returns every mistake, each with the option, its value and what is allowed.
func (o Options) Validate() error {
	o = o.Complete()
	errs := []error{
		clusterName(o.ClusterName),
		names("namespace", validation.IsDNS1123Label, o.Namespace),
		registry(o.Registry),
		tag(o.Tag),
		oneOf("imagePullPolicy", o.ImagePullPolicy, string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever)),
		oneOf("injection", string(o.Injection), Injections()...),
		injection(o),
		storageURL(o.StorageURL),
		kubeVersion(o.KubeVersion),
		etcd(o),
		list("imagePullSecrets", validation.IsDNS1123Subdomain, o.ImagePullSecrets),
		list("namespaces", validation.IsDNS1123Label, o.Namespaces),
	}
	return errors.Join(errs...)
}

func clusterName(name string) error {
	if len(name) > validation.DNS1123SubdomainMaxLength || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) ||
		strings.Contains(name, "$(") {
		return invalid("clusterName", name, "must be at most %d characters, without control characters and $(", validation.DNS1123SubdomainMaxLength)
	}
	return nil
}

func names(field string, valid func(string) []string, value string) error {
	if problems := valid(value); len(problems) > 0 {
		return invalid(field, value, "%s", strings.Join(problems, "; "))
	}
	return nil
}

// list checks names, each of which may be there once.
func list(field string, valid func(string) []string, values []string) error {
	var errs []error
	for i, value := range values {
		at := fmt.Sprintf("%s[%d]", field, i)
		errs = append(errs, names(at, valid, value))
		if slices.Contains(values[:i], value) {
			errs = append(errs, invalid(at, value, "is there twice"))
		}
	}
	return errors.Join(errs...)
}

func oneOf(field, value string, allowed ...string) error {
	if !slices.Contains(allowed, value) {
		return invalid(field, value, "must be one of %s", strings.Join(allowed, ", "))
	}
	return nil
}

func registry(prefix string) error {
	if prefix == "" {
		return nil
	}
	named, err := reference.ParseNormalizedNamed(prefix + "/image")
	if err != nil || reference.Domain(named)+"/"+reference.Path(named) != prefix+"/image" {
		return invalid("registry", prefix, "must be a registry and an optional path, such as registry.example:5000/mirror, without a scheme")
	}
	return nil
}

func tag(tag string) error {
	if !reference.TagRegexp.MatchString(tag) || reference.TagRegexp.FindString(tag) != tag {
		return invalid("tag", tag, "must be a tag of an image, such as %s", release.Version)
	}
	return nil
}

func storageURL(value string) error {
	if value == "" {
		return nil
	}
	parsed, err := url.Parse(value)
	switch {
	case err != nil, strings.Contains(value, "$("):
	case parsed.Scheme == "file" && parsed.Host == "" && strings.HasPrefix(parsed.Path, "/"), parsed.Scheme == "s3" && parsed.Host != "":
		return nil
	}
	return invalid("storageURL", value, "must be file:///directory or s3://bucket?region=name")
}

func etcd(o Options) error {
	var errs []error
	switch {
	case o.HA && len(o.EtcdServers) == 0:
		errs = append(errs, errors.New("etcdServers (--etcd-servers): is required with ha (--ha): several servers share an etcd of yours"))
	case !o.HA && len(o.EtcdServers) > 0:
		errs = append(errs, invalid("etcdServers", strings.Join(o.EtcdServers, ","), "is used with ha (--ha) only: one server has its own etcd"))
	}
	for i, server := range o.EtcdServers {
		parsed, err := url.Parse(server)
		if err != nil || parsed.Scheme != "https" || parsed.Host == "" || strings.Trim(parsed.Path, "/") != "" || strings.ContainsAny(server, ",$") {
			errs = append(errs, invalid(fmt.Sprintf("etcdServers[%d]", i), server, "must be a URL such as https://etcd.example:2379"))
		}
	}
	return errors.Join(errs...)
}
