// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/cli/complete"
	"github.com/restage-dev/restage/pkg/cli/override"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
)

// maxManifest bounds what is read of a manifest; the server takes no more.
const maxManifest = 3 << 20

// specFlags are the flags that say what to replay.
type specFlags struct {
	filename    string
	snapshot    string
	environment string
	class       string
	target      string
	mode        string
	profile     string
	goals       []string
	speed       string
	timeout     time.Duration
	ttl         time.Duration
	keep        bool
	buildTag    string
	workloads   override.Flags
}

// modes as users write them.
var modes = map[string]v1alpha1.ReplayMode{"full": v1alpha1.ModeFull, "mocksonly": v1alpha1.ModeMocksOnly, "loadonly": v1alpha1.ModeLoadOnly}

func (f *specFlags) addTo(cmd *cobra.Command, c *cluster.Cluster) {
	flags := cmd.Flags()
	flags.StringVarP(&f.filename, "filename", "f", "", "The manifest of one TrafficReplay, - for standard input, instead of all flags that describe one.")
	flags.StringVar(&f.snapshot, "snapshot", "", "The snapshot to replay.")
	f.workloads.AddTo(cmd, c, true)
	flags.StringVar(&f.environment, "environment", "", "A standing environment to replay in, instead of one that is made for this replay.")
	flags.StringVar(&f.class, "class", "", "The EnvironmentClass of the environment that is made. Default is the cluster's default class.")
	flags.StringVar(&f.target, "target", "", "The URL of a running system, http://HOST[:PORT], for the mode LoadOnly.")
	flags.StringVar(&f.mode, "mode", "", "Full, MocksOnly or LoadOnly. Default is Full, and LoadOnly with --target.")
	flags.StringVar(&f.profile, "profile", "", "The ReplayProfile with settings of the replay.")
	flags.StringArrayVar(&f.goals, "goal", nil, "A condition for passing, as NAME=EXPRESSION in CEL, such as fast='summary.replayed.p99 < 0.5'; may be given several times.")
	flags.StringVar(&f.speed, "speed", "", "A factor on the recorded pace, 0.1 to 100. Default is that of the profile, else 1.")
	flags.DurationVar(&f.timeout, "timeout", 0, "How long the replay may take from start to verdict. Default is 10m.")
	flags.DurationVar(&f.ttl, "ttl", 0, "Delete the replay this long after its end. Default is never.")
	flags.BoolVar(&f.keep, "keep", false, "Leave the environment in place at the end, until the replay is deleted.")
	flags.StringVar(&f.buildTag, "build-tag", "", "The name of the build under test, for the report.")
	complete.Flag(cmd, "snapshot", complete.NamesOf(c, "trafficsnapshots"))
	complete.Flag(cmd, "environment", complete.NamesOf(c, "environments"))
	complete.Flag(cmd, "profile", complete.NamesOf(c, "replayprofiles"))
	complete.Flag(cmd, "class", complete.Classes(c))
	complete.Flag(cmd, "mode", cobra.FixedCompletions([]cobra.Completion{
		string(v1alpha1.ModeFull), string(v1alpha1.ModeMocksOnly), string(v1alpha1.ModeLoadOnly),
	}, cobra.ShellCompDirectiveNoFileComp))
}

// describing are the flags that --filename stands for.
var describing = []string{
	"snapshot", "workload", "image", "env", "test", "mock", "environment", "class", "target", "mode", "profile", "goal", "speed",
	"timeout", "ttl", "keep", "build-tag",
}

// replay returns the replay that the command line describes.
func (f *specFlags) replay(cmd *cobra.Command, args []string, namespace string, client func() (versioned.Interface, error)) (*v1alpha1.TrafficReplay, error) {
	if f.filename != "" {
		for _, flag := range describing {
			if cmd.Flags().Changed(flag) {
				return nil, fmt.Errorf("--%s does not go with --filename, which describes the replay", flag)
			}
		}
		return f.read(cmd.InOrStdin(), args, namespace)
	}
	if f.snapshot == "" {
		return nil, fmt.Errorf("--snapshot: must name the snapshot to replay; or use --filename")
	}
	replay := &v1alpha1.TrafficReplay{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: f.snapshot + "-"}}
	if len(args) > 0 {
		replay.ObjectMeta = metav1.ObjectMeta{Namespace: namespace, Name: args[0]}
	}
	if err := f.fill(&replay.Spec, cmd); err != nil {
		return nil, err
	}
	var err error
	replay.Spec.Workloads, err = f.workloads.Parse(func() (v1alpha1.WorkloadReference, error) {
		return recordedWorkload(cmd.Context(), client, namespace, f.snapshot)
	})
	return replay, err
}

// fill writes the flags that need nothing of the cluster.
func (f *specFlags) fill(spec *v1alpha1.TrafficReplaySpec, cmd *cobra.Command) error {
	*spec = v1alpha1.TrafficReplaySpec{SnapshotName: f.snapshot, ProfileName: f.profile, BuildTag: f.buildTag}
	switch mode, known := modes[strings.ToLower(f.mode)]; {
	case known:
		spec.Mode = mode
	case f.mode != "":
		return fmt.Errorf("--mode %q: must be Full, MocksOnly or LoadOnly", f.mode)
	case f.target != "":
		spec.Mode = v1alpha1.ModeLoadOnly
	}
	if f.target != "" {
		spec.Target = &v1alpha1.ReplayTarget{URL: f.target}
	}
	if f.environment != "" && f.class != "" {
		return fmt.Errorf("--class does not go with --environment: a standing environment has its class")
	}
	if f.environment != "" || f.class != "" {
		spec.Environment = &v1alpha1.ReplayEnvironment{Name: f.environment}
	}
	if f.class != "" {
		spec.Environment.Template = &v1alpha1.ReplayEnvironmentTemplate{ClassName: f.class}
	}
	if cmd.Flags().Changed("timeout") {
		spec.Timeout = &metav1.Duration{Duration: f.timeout}
	}
	if cmd.Flags().Changed("ttl") {
		spec.TTLAfterFinished = &metav1.Duration{Duration: f.ttl}
	}
	if f.keep {
		spec.Cleanup = v1alpha1.CleanupKeep
	}
	goals, err := parseGoals(f.goals)
	if err != nil {
		return err
	}
	if f.speed != "" || len(goals) > 0 {
		spec.Profile = &v1alpha1.ReplayProfileSpec{Load: v1alpha1.LoadProfile{Speed: f.speed}, Goals: goals}
	}
	return nil
}

func parseGoals(texts []string) ([]v1alpha1.Goal, error) {
	var goals []v1alpha1.Goal
	for _, text := range texts {
		name, expression, ok := strings.Cut(text, "=")
		if name, expression = strings.TrimSpace(name), strings.TrimSpace(expression); !ok || name == "" || expression == "" || strings.HasPrefix(expression, "=") {
			return nil, fmt.Errorf("--goal %q: must be NAME=EXPRESSION, such as fast='summary.replayed.p99 < 0.5'", text)
		}
		goals = append(goals, v1alpha1.Goal{Name: name, Expression: expression})
	}
	return goals, nil
}

// read reads the manifest of one TrafficReplay.
func (f *specFlags) read(in io.Reader, args []string, namespace string) (*v1alpha1.TrafficReplay, error) {
	if f.filename != "-" {
		file, err := os.Open(f.filename)
		if err != nil {
			return nil, fmt.Errorf("--filename: %w", err)
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxManifest+1))
	if err != nil {
		return nil, fmt.Errorf("--filename %q: %w", f.filename, err)
	}
	if len(data) > maxManifest {
		return nil, fmt.Errorf("--filename %q: has more than %d MiB", f.filename, maxManifest>>20)
	}
	replay := &v1alpha1.TrafficReplay{}
	if err := yaml.UnmarshalStrict(data, replay); err != nil {
		return nil, fmt.Errorf("--filename %q: must hold one TrafficReplay: %w", f.filename, err)
	}
	if want := v1alpha1.SchemeGroupVersion.WithKind("TrafficReplay"); replay.GroupVersionKind() != want {
		return nil, fmt.Errorf("--filename %q: holds a %s of %q; it must hold one TrafficReplay of %s", f.filename, replay.Kind, replay.APIVersion, want.GroupVersion())
	}
	if len(args) > 0 {
		replay.Name, replay.GenerateName = args[0], ""
	}
	if replay.Namespace == "" {
		replay.Namespace = namespace
	}
	return replay, nil
}

// recordedWorkload is the one of a snapshot.
func recordedWorkload(ctx context.Context, client func() (versioned.Interface, error), namespace, name string) (v1alpha1.WorkloadReference, error) {
	restage, err := client()
	if err != nil {
		return v1alpha1.WorkloadReference{}, err
	}
	snapshot, err := restage.ReplayV1alpha1().TrafficSnapshots(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return v1alpha1.WorkloadReference{}, fmt.Errorf("finding out the workload of the snapshot, which --workload would name: %w", err)
	}
	return snapshot.Spec.WorkloadRef, nil
}
