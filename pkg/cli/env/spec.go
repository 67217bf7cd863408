// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/override"
	typed "github.com/restage-dev/restage/pkg/generated/clientset/versioned/typed/replay/v1alpha1"
)

// specFlags are the flags that say what an environment is made of.
type specFlags struct {
	snapshot  string
	class     string
	onMiss    string
	noLatency bool
	workloads override.Flags
}

func (f *specFlags) addTo(cmd *cobra.Command, c *cluster.Cluster) {
	flags := cmd.Flags()
	flags.StringVar(&f.snapshot, "snapshot", "", "The snapshot that the dependencies are played from.")
	f.workloads.AddTo(cmd, c, false)
	flags.StringVar(&f.class, "class", "", "The EnvironmentClass. Default is the cluster's default class.")
	flags.StringVar(&f.onMiss, "on-miss", "", "What happens to a call that the recording does not hold: fail resets its connection, a status such as 502 answers it. Default is fail.")
	flags.BoolVar(&f.noLatency, "no-latency", false, "Answer at once, not after the time that the dependency took when it was recorded.")
	complete.Flag(cmd, "snapshot", complete.NamesOf(c, "trafficsnapshots"))
	complete.Flag(cmd, "class", complete.Classes(c))
}

// environment returns the one that the command line describes.
func (f *specFlags) environment(ctx context.Context, client typed.ReplayV1alpha1Interface, namespace, name string) (*v1alpha1.Environment, error) {
	if f.snapshot == "" {
		return nil, errors.New("--snapshot: must name the snapshot that the dependencies are played from")
	}
	environment := &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.EnvironmentSpec{SnapshotName: f.snapshot, ClassName: f.class},
	}
	var err error
	if environment.Spec.Responder, err = f.responder(); err != nil {
		return nil, err
	}
	recorded := func() (v1alpha1.WorkloadReference, error) {
		snapshot, err := client.TrafficSnapshots(namespace).Get(ctx, f.snapshot, metav1.GetOptions{})
		if err != nil {
			return v1alpha1.WorkloadReference{}, fmt.Errorf("finding out the workload of the snapshot, which --workload would name: %w", err)
		}
		return snapshot.Spec.WorkloadRef, nil
	}
	if environment.Spec.Workloads, err = f.workloads.Parse(recorded); err != nil {
		return nil, err
	}
	if len(environment.Spec.Workloads) == 0 { // an environment, unlike a replay, has to name them
		ref, err := recorded()
		if err != nil {
			return nil, err
		}
		environment.Spec.Workloads = []v1alpha1.EnvironmentWorkload{{Ref: ref}}
	}
	return environment, nil
}

func (f *specFlags) responder() (v1alpha1.ResponderProfile, error) {
	var responder v1alpha1.ResponderProfile
	if f.noLatency {
		responder.Latency = v1alpha1.LatencyNone
	}
	if f.onMiss == "" {
		return responder, nil
	}
	if strings.EqualFold(f.onMiss, string(v1alpha1.MissFail)) {
		responder.OnMiss = v1alpha1.MissFail
		return responder, nil
	}
	status, err := strconv.ParseInt(f.onMiss, 10, 32)
	if err != nil || status < 100 || status > 599 {
		return responder, fmt.Errorf("--on-miss %q: must be fail or an HTTP status from 100 to 599", f.onMiss)
	}
	code := int32(status)
	responder.OnMiss, responder.MissStatus = v1alpha1.MissStatus, &code
	return responder, nil
}
