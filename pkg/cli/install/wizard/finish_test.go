// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/restage-dev/restage/pkg/install"
)

func TestArguments(t *testing.T) {
	require.Empty(t, arguments(install.Defaults()))
	options := install.Defaults()
	options.Namespace, options.HA, options.EtcdServers = "tools", true, []string{"https://a:2379", "https://b:2379"}
	options.StorageURL, options.ClusterName = "s3://traffic?region=eu&prefix=a", "Anna's"
	require.Equal(t, ` --namespace tools --cluster-name 'Anna'\''s' --etcd-servers https://a:2379,https://b:2379 --ha --storage-url 's3://traffic?region=eu&prefix=a'`,
		arguments(options))
}

// What is quoted a shell reads as it was.
func TestQuote(t *testing.T) {
	for _, word := range []string{"plain", "a b", "it's", "$(date)", "`x`", "a&b", "*", `\`, "~", "s3://b?r=e", "a\"b"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+quote(word)).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(out))
	}
}

func TestValues(t *testing.T) {
	options := install.Defaults()
	options.Registry, options.Namespaces = "registry.example/mirror", []string{"shop"}
	data, err := values(options)
	require.NoError(t, err)
	require.Equal(t, "namespaces:\n- shop\nregistry: registry.example/mirror\n", string(data))
	read, err := install.ReadValues(data)
	require.NoError(t, err)
	require.Equal(t, options, read)
	data, err = values(install.Defaults())
	require.NoError(t, err)
	require.Equal(t, "{}", strings.TrimSpace(string(data)))
}
