// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/restage-dev/restage/pkg/cli/cluster"
	"github.com/restage-dev/restage/pkg/install"
)

// run runs kubectl restage install. There is no cluster, and none is asked for.
func run(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var out, errOut bytes.Buffer
	streams := genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut}
	c := cluster.New(streams)
	root := &cobra.Command{Use: "restage", SilenceErrors: true, SilenceUsage: true}
	root.SetOut(&out)
	root.SetErr(&errOut)
	c.AddFlags(root.PersistentFlags())
	root.AddCommand(New(c, streams))
	root.SetArgs(append([]string{"install"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func rendered(t *testing.T, o install.Options) string {
	t.Helper()
	objects, err := install.Render(o)
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, install.Write(&out, objects))
	return out.String()
}

func TestEveryFlagIsAnOption(t *testing.T) {
	const values = `clusterName: prod
namespace: tools
registry: registry.example/mirror
tag: v9
imagePullPolicy: Always
imagePullSecrets: [one, two]
storageURL: s3://traffic?region=eu
ha: true
etcdServers: [https://a:2379, https://b:2379]
kubeVersion: "1.36"
injection: manual
namespaces: [shop, billing]
monitoring: true
`
	options, err := install.ReadValues([]byte(values))
	require.NoError(t, err)
	want := rendered(t, options)
	file := filepath.Join(t.TempDir(), "values.yaml")
	require.NoError(t, os.WriteFile(file, []byte(values), 0o600))
	fromFile, err := run(t, "", "--values", file)
	require.NoError(t, err)
	require.Equal(t, want, fromFile)
	fromStdin, err := run(t, values, "--values", "-")
	require.NoError(t, err)
	require.Equal(t, want, fromStdin)
	fromFlags, err := run(t, "", "--cluster-name=prod", "-n", "tools", "--registry=registry.example/mirror", "--tag=v9", "--image-pull-policy=Always",
		"--image-pull-secrets=one,two", "--storage-url=s3://traffic?region=eu", "--ha", "--etcd-servers=https://a:2379,https://b:2379",
		"--kube-version=1.36", "--injection=manual", "--namespaces=shop,billing", "--monitoring")
	require.NoError(t, err)
	require.Equal(t, want, fromFlags)
}

func TestFlagsWinOverValues(t *testing.T) {
	const values = "namespace: tools\nnamespaces: [shop]\nstorageURL: s3://traffic\nclusterName: prod\n"
	out, err := run(t, values, "--values=-", "--namespace=other", "--namespaces=billing", "--storage-url=")
	require.NoError(t, err)
	want := install.Defaults()
	want.Namespace, want.Namespaces, want.ClusterName = "other", []string{"billing"}, "prod"
	require.Equal(t, rendered(t, want), out)
}

func TestPlainInstall(t *testing.T) {
	first, err := run(t, "")
	require.NoError(t, err)
	require.Equal(t, rendered(t, install.Defaults()), first, "the namespace is not that of the kubeconfig")
	second, err := run(t, "", "-o", "yaml")
	require.NoError(t, err)
	require.Equal(t, first, second, "the same each time")
}

func TestJSONIsAList(t *testing.T) {
	out, err := run(t, "", "-o", "json")
	require.NoError(t, err)
	var list unstructured.UnstructuredList
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	objects, err := install.Render(install.Defaults())
	require.NoError(t, err)
	require.Equal(t, "List", list.GetKind())
	require.Len(t, list.Items, len(objects))
	require.Equal(t, "Namespace", list.Items[0].GetKind())
}

func TestOutputDir(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "restage")
	for range 2 { // the same command may write it anew
		out, err := run(t, "", "--output-dir", folder)
		require.NoError(t, err)
		require.Empty(t, out)
	}
	require.FileExists(t, filepath.Join(folder, "kustomization.yaml"))
	require.FileExists(t, filepath.Join(folder, "deployment-restage-controller.yaml"))
}

func TestMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"format":              {[]string{"-o", "toml"}, `--output: "toml": must be one of yaml, json, kustomize`},
		"no folder":           {[]string{"-o", "kustomize"}, `--output: "kustomize": needs --output-dir: a kustomization is a folder of files`},
		"format of a folder":  {[]string{"-o", "json", "--output-dir", t.TempDir()}, `--output: "json": must be kustomize with --output-dir`},
		"no file":             {[]string{"--values", "/does/not/exist"}, "--values: open /does/not/exist: no such file or directory"},
		"unknown value":       {[]string{"--values", "-"}, `--values: "-": reading values: unknown field "colour"`},
		"bad option":          {[]string{"--injection", "operator"}, `injection (--injection): "operator": must be one of workload, manual, webhook, policy`},
		"both":                {[]string{"--diff", "-o", "json"}, "if any flags in the group [diff output] are set none of the others can be; [diff output] were all set"},
		"an argument":         {[]string{"now"}, `unknown command "now" for "restage install"`},
		"diff without one":    {[]string{"--diff", "--kubeconfig", "/does/not/exist"}, "reading the kubeconfig: "},
		"several servers":     {[]string{"--ha"}, "etcdServers (--etcd-servers): is required with ha (--ha)"},
		"namespace of a flag": {[]string{"--namespace", "A"}, `namespace (--namespace): "A": `},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := run(t, "colour: red", test.args...)
			require.ErrorContains(t, err, test.want)
		})
	}
}

func TestCompletionOfAList(t *testing.T) {
	require.Equal(t, []cobra.Completion{"a", "b"}, nextInList([]string{"a", "b"}, ""))
	require.Equal(t, []cobra.Completion{"a,b"}, nextInList([]string{"a", "b"}, "a,"))
}
