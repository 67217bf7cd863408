// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Command restage-proxy is the sidecar that records a workload, or isolates a copy of it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

const usage = `restage-proxy init --mode=Capture --ports=9898,...
restage-proxy init --mode=Isolate --responder=ip:port --control=ip:port [--interception=Explicit]
restage-proxy run  --mode=Capture --settings=JSON --forwarder=host:port
restage-proxy run  --mode=Isolate --workload=NAME --responder=ip:port --control=ip:port [--interception=Explicit]
restage-proxy probe --resolve=NAME,... --connect=host:port,...

"restage-proxy init --help", "restage-proxy run --help" and "restage-proxy probe --help" show all flags.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	err := execute(ctx, os.Args[1:], os.Stderr, log)
	if err != nil && !errors.Is(err, pflag.ErrHelp) {
		log.Error("restage-proxy failed", "err", err)
		os.Exit(1)
	}
}

// execute runs the command that the arguments name.
func execute(ctx context.Context, args []string, out io.Writer, log *slog.Logger) error {
	if len(args) == 0 {
		fmt.Fprint(out, usage)
		return errors.New("a command is needed: init, run or probe")
	}
	switch args[0] {
	case "init":
		return initCommand(ctx, args[1:], out, log)
	case "run":
		return runCommand(ctx, args[1:], out, log)
	case "probe":
		return probeCommand(ctx, args[1:], out)
	case "help", "--help", "-h":
		fmt.Fprint(out, usage)
		return nil
	}
	fmt.Fprint(out, usage)
	return fmt.Errorf("unknown command %q: allowed are init, run and probe", args[0])
}
