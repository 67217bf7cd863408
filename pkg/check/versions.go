// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/release"
)

// versions compares the images of all parts with each other and with this plugin.
func versions(_ context.Context, c *Cluster) ([]Finding, error) {
	tags := map[string]string{}
	for _, component := range c.Found.State() {
		tags[component.Name] = component.Version
	}
	for part, image := range c.Found.Images() {
		if _, deployed := tags[part]; !deployed {
			tags[part] = installation.Tag(image)
		}
	}
	return judgeVersions(tags, release.Get().GitVersion, c.reinstall()), nil
}

// judgeVersions: parts of one installation have one version; a plugin of another minor release may render what they do not know.
func judgeVersions(tags map[string]string, plugin, fix string) []Finding {
	byTag := map[string][]string{}
	for _, part := range slices.Sorted(maps.Keys(tags)) {
		byTag[tags[part]] = append(byTag[tags[part]], part)
	}
	if len(byTag) > 1 {
		var list []string
		for _, tag := range slices.Sorted(maps.Keys(byTag)) {
			list = append(list, fmt.Sprintf("%s: %s", orDigest(tag), strings.Join(byTag[tag], ", ")))
		}
		return []Finding{warning(fix, "the parts are of different versions (%s)", strings.Join(list, "; "))}
	}
	for tag := range byTag {
		installed, err := version.ParseGeneric(tag)
		own, ownErr := version.ParseGeneric(plugin)
		if err != nil || ownErr != nil {
			return ok("all %d parts are %s; this plugin is %s", len(tags), orDigest(tag), plugin)
		}
		if installed.Major() != own.Major() || installed.Minor() != own.Minor() {
			return []Finding{warning("Use the plugin of the release that is installed, or upgrade: "+fix,
				"this plugin is %s and Restage %s: they are of different releases", plugin, tag)}
		}
		return ok("all %d parts are %s; this plugin is %s", len(tags), tag, plugin)
	}
	return skipped("no component is there")
}

func orDigest(tag string) string {
	if tag == "" {
		return "by digest"
	}
	return tag
}
