// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package warnings tells of what is legal in an API object but hardly what was meant. Each warning begins with the path of the
// field, as errors do. Objects have been validated before.
package warnings

import (
	"fmt"
	"strconv"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/goal"
)

// doubtfulSpeed is the speed from which on a recording says little about the system under test.
const doubtfulSpeed = 10

var specPath = field.NewPath("spec")

func warn(path *field.Path, format string, args ...any) string {
	return path.String() + ": " + fmt.Sprintf(format, args...)
}

// ForTrafficReplay warns of a replay.
func ForTrafficReplay(r *replay.TrafficReplay) (found []string) {
	spec := &r.Spec
	if ttl := spec.TTLAfterFinished; ttl != nil {
		path := specPath.Child("ttlAfterFinished")
		if ttl.Duration == 0 {
			found = append(found, warn(path, "0s deletes the replay, and its verdict with it, as soon as it has ended"))
		}
		if spec.Cleanup == replay.CleanupKeep {
			found = append(found, warn(specPath.Child("cleanup"), "Keep leaves the environment in place only until the replay is deleted, which %s does %s after its end", path, ttl.Duration))
		}
	}
	if spec.Profile != nil {
		found = append(found, forProfile(spec.Profile, specPath.Child("profile"))...)
	}
	return append(found, forWorkloads(spec.Workloads)...)
}

// ForReplayProfile warns of a profile.
func ForReplayProfile(p *replay.ReplayProfile) []string {
	return forProfile(&p.Spec, specPath)
}

// ForEnvironment warns of an environment.
func ForEnvironment(e *replay.Environment) []string {
	return append(forResponder(&e.Spec.Responder, specPath.Child("responder")), forWorkloads(e.Spec.Workloads)...)
}

func forProfile(profile *replay.ReplayProfileSpec, path *field.Path) (found []string) {
	if speed, err := strconv.ParseFloat(profile.Load.Speed, 64); err == nil && speed > doubtfulSpeed {
		found = append(found, warn(path.Child("load", "speed"), "at %s times the recorded pace the generator may fall behind, which makes the result invalid", profile.Load.Speed))
	}
	found = append(found, forResponder(&profile.Responder, path.Child("responder"))...)
	for i, g := range profile.Goals {
		if compiled, err := goal.Compile(g.Expression); err == nil && compiled.IsConstant() {
			found = append(found, warn(path.Child("goals").Index(i).Child("expression"), "%q does not look at the summary, so that it says the same of every replay", g.Expression))
		}
	}
	return found
}

func forResponder(responder *replay.ResponderProfile, path *field.Path) []string {
	status := responder.MissStatus
	if responder.OnMiss == replay.MissFail || status == nil || *status < 200 || *status > 299 {
		return nil
	}
	return []string{warn(path.Child("missStatus"), "%d tells the workload that a call succeeded which the recording does not hold", *status)}
}

func forWorkloads(workloads []replay.EnvironmentWorkload) (found []string) {
	for i := range workloads {
		for k, container := range workloads[i].Containers {
			if container.Image == "" || isPinned(container.Image) {
				continue
			}
			found = append(found, warn(specPath.Child("workloads").Index(i).Child("containers").Index(k).Child("image"),
				"%q may be another image tomorrow; a tag other than latest, or a digest, says what was tested", container.Image))
		}
	}
	return found
}

// isPinned tells whether an image has a digest or a tag other than latest. What is no image at all is the matter of the kubelet.
func isPinned(image string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return true
	}
	if _, ok := named.(reference.Digested); ok {
		return true
	}
	tagged, ok := named.(reference.Tagged)
	return ok && tagged.Tag() != "latest"
}
