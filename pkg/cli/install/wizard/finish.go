// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/spf13/pflag"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/cli/install/flags"
	"github.com/restage-dev/restage/pkg/install"
)

// finish prints what would have done the same without questions, and what comes next.
func (w *wizard) finish(ctx context.Context) error {
	w.showCommand()
	if err := w.offerValues(ctx); err != nil {
		return err
	}
	w.heading("Restage is installed", "")
	commands := [][2]string{{"kubectl restage status", "what runs, records and replays"}}
	namespace, name := "NAMESPACE", "deploy/NAME"
	if w.recorded == nil {
		switch w.options.Complete().Injection {
		case install.InjectionManual:
			commands = append(commands, [2]string{"kubectl restage inject -f FILE | kubectl apply -f -", "record a workload"})
		case install.InjectionWebhook, install.InjectionPolicy:
			commands = append(commands, [2]string{"kubectl label namespace NAMESPACE " + v1alpha1.LabelInject + "=" + v1alpha1.InjectEnabled, "let pods of annotated workloads be recorded as they are made"})
			fallthrough
		default:
			commands = append(commands, [2]string{"kubectl -n NAMESPACE annotate deployment/NAME capture.restage.dev/enabled=true", "record a workload"})
		}
	} else {
		namespace, name = w.recorded.GetNamespace(), strings.ToLower(w.recorded.Kind.Kind)+"/"+w.recorded.GetName()
	}
	commands = append(commands,
		[2]string{fmt.Sprintf("kubectl restage -n %s snapshot create first --workload %s --last 15m", namespace, name), "cut a snapshot when there was traffic"},
		[2]string{fmt.Sprintf("kubectl restage -n %s replay run --snapshot first", namespace), "replay it, with a verdict"},
		[2]string{"kubectl restage uninstall", "take it all away"})
	for _, command := range commands {
		w.say(2, faint, "# "+command[1])
		fmt.Fprintln(w.out, "  "+command[0]) // not wrapped: it is to be copied
	}
	return nil
}

func (w *wizard) showCommand() {
	w.heading("The same without questions", "")
	fmt.Fprintln(w.out, "  "+w.command())
}

// command is the command line that installs the same.
func (w *wizard) command() string {
	apply := "kubectl"
	if *w.cluster.Flags.KubeConfig != "" {
		apply += " --kubeconfig " + quote(*w.cluster.Flags.KubeConfig)
	}
	if *w.cluster.Flags.Context != "" {
		apply += " --context " + quote(*w.cluster.Flags.Context)
	}
	return "kubectl restage install" + arguments(w.options) + " | " + apply + " apply -f -"
}

// arguments are the flags of options that are not the defaults.
func arguments(options install.Options) string {
	var text strings.Builder
	defaults := install.Defaults()
	if options.Namespace != defaults.Namespace {
		text.WriteString(" --namespace " + quote(options.Namespace))
	}
	otherwise := flags.For(&defaults)
	flags.For(&options).VisitAll(func(flag *pflag.Flag) {
		switch value := flag.Value.String(); {
		case value == otherwise.Lookup(flag.Name).Value.String():
		case flag.Value.Type() == "bool":
			text.WriteString(" --" + flag.Name)
		default:
			if list, ok := flag.Value.(pflag.SliceValue); ok {
				value = strings.Join(list.GetSlice(), ",")
			}
			text.WriteString(" --" + flag.Name + " " + quote(value))
		}
	})
	return text.String()
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:,@%+-]+$`)

// quote writes a word for a POSIX shell.
func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// offerValues writes the options into a file, if that is wanted. A file that is there is not written over.
func (w *wizard) offerValues(ctx context.Context) error {
	data, err := values(w.options)
	if err != nil {
		return err
	}
	w.say(2, faint, "Or with the answers in a file, for Git: kubectl restage install --values FILE.")
	_, err = w.text(ctx, "Write them to", "", func(name string) error {
		if name == "" {
			return nil
		}
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err // names the file, and says that it is there
		}
		if _, err := file.Write(data); err != nil {
			_ = file.Close()
			return err
		}
		return file.Close()
	})
	return err
}

// values are the options, as a values file, that are not the defaults.
func values(options install.Options) ([]byte, error) {
	chosen, err := fields(options)
	if err != nil {
		return nil, err
	}
	defaults, err := fields(install.Defaults())
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(chosen, func(name string, value any) bool { return reflect.DeepEqual(value, defaults[name]) })
	return yaml.Marshal(chosen)
}

func fields(options install.Options) (map[string]any, error) {
	data, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("writing the options: %w", err)
	}
	var found map[string]any
	return found, json.Unmarshal(data, &found)
}
