// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command apibench compares our types with the same objects as CRDs, in one run, behind one kube-apiserver, and shows what 100,000
// replays cost. It prints tables; it judges nothing, since the figures are those of the machine.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/restage-dev/restage/test/bench/controlplane"
)

// bench is one run.
type bench struct {
	plane *controlplane.ControlPlane
	raw   *rest.RESTClient // through kube-apiserver
	// servers are all processes whose work an operation may be.
	servers []*controlplane.Process
	bounds  []bound
	out     output

	dir               string
	rounds, batchSize int
	watchers          int
	objects           int
	informers         int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "apibench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	klog.LogToStderr(false) // the reflectors' complaints about slow answers are not results
	if len(args) == 5 && args[0] == "webhook" {
		return serveWebhook(ctx, args[1], args[2], args[3], args[4])
	}
	if len(args) == 3 && args[0] == "informers" {
		return runInformers(ctx, args[1], args[2])
	}
	if len(args) == 6 && args[0] == "floor" {
		return serveFloor(ctx, args[1], args[2], args[3], args[4], args[5])
	}
	b := &bench{out: output{os.Stdout}}
	var plane controlplane.Options
	flags := pflag.NewFlagSet("apibench", pflag.ContinueOnError)
	flags.StringVar(&plane.Kubernetes, "kubernetes", "", "Directory with the programs etcd and kube-apiserver. Required.")
	flags.StringVar(&plane.Restage, "restage-apiserver", "", "Path of restage-apiserver. Required.")
	flags.StringVar(&plane.Dir, "dir", "", "Directory for data and logs. Default is one that is deleted at the end.")
	flags.IntVar(&b.rounds, "rounds", 10, "How often each side has its turn.")
	flags.IntVar(&b.batchSize, "batch", 50, "How many operations a turn has.")
	flags.IntVar(&b.watchers, "watchers", 100, "How many watches each side has in the comparison of fan-out.")
	flags.IntVar(&b.objects, "objects", 100_000, "How many TrafficReplays are made in the end. 0 leaves this part out.")
	flags.IntVar(&b.informers, "informers", 100, "How many informers watch them.")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if plane.Kubernetes == "" || plane.Restage == "" {
		return fmt.Errorf("--kubernetes and --restage-apiserver are required")
	}
	if plane.Dir == "" {
		plane.Dir, err = os.MkdirTemp("", "apibench")
		if err != nil {
			return err
		}
		defer func() {
			if err == nil { // the logs of a failure stay
				err = os.RemoveAll(plane.Dir)
			}
		}()
	}
	b.dir = plane.Dir
	return b.run(ctx, plane)
}

// run starts the servers, measures and ends them.
func (b *bench) run(ctx context.Context, opts controlplane.Options) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	b.plane = controlplane.New(opts)
	defer b.wait()
	defer cancel()
	if err := b.plane.Start(ctx); err != nil {
		return err
	}
	b.servers = b.plane.Servers()
	if b.raw, err = newRaw(b.plane.AsUser(b.plane.Config)); err != nil {
		return err
	}
	b.out.line("%d processors, load %s, Go %s; %d rounds of %d operations a side in turn; CPU is that of all servers for one operation.",
		runtime.NumCPU(), load(), runtime.Version(), b.rounds, b.batchSize)
	for _, part := range []func(context.Context) error{b.prepare, b.compareRows, b.compareAdmission, b.scale} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	b.out.line("\nLoad at the end: %s.", load())
	return nil
}

// wait returns when everything that was started has ended, after its context has.
func (b *bench) wait() {
	b.plane.Wait()
	for _, process := range b.servers {
		<-process.Done()
	}
}

func (b *bench) log(name string) string {
	return filepath.Join(b.dir, "log", name+".log")
}

// load is the machine's, over 1, 5 and 15 minutes.
func load() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(data))[:3], " ")
}
