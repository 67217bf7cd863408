// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/peer"
)

const pythonClient = `
import http.client, os, socket, ssl
context = ssl.create_default_context()
raw = socket.create_connection(("127.0.0.1", int(os.environ["PROXY_PORT"])))
connection = http.client.HTTPSConnection("api.example", context=context)
connection.sock = context.wrap_socket(raw, server_hostname="api.example")
connection.request("GET", "/anything/python")
print(connection.getresponse().status)
`

const nodeClient = `
const https = require("https");
https.get({host: "127.0.0.1", port: process.env.PROXY_PORT, servername: "api.example", headers: {host: "api.example"}, path: "/anything/node"},
  response => { console.log(response.statusCode); response.resume(); });
`

const javaClient = `
import java.net.*;
public class Client {
  public static void main(String[] args) throws Exception {
    var url = new URI("https://api.example:" + System.getenv("PROXY_PORT") + "/anything/java").toURL();
    System.out.println(((HttpURLConnection) url.openConnection()).getResponseCode());
  }
}
`

// Clients of several languages trust the proxy by nothing but the variables and the files that injection gives them.
func TestTLSOfRealClients(t *testing.T) {
	dir := t.TempDir()
	write(t, []byte(javaClient), dir, "Client.java")
	write(t, []byte("127.0.0.1 api.example\n"), dir, "hosts")
	for name, c := range map[string]struct {
		debianPackage string
		command       []string
		variables     func(trust string) []string
		protocol      string // of the record
	}{
		"curl": {
			"curl", []string{"curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--http1.1", "--connect-to", "::127.0.0.1:$PROXY_PORT", "https://api.example/anything/curl"},
			func(trust string) []string {
				return []string{"CURL_CA_BUNDLE=" + filepath.Join(trust, wiring.TrustBundle)}
			}, "http/1.1",
		},
		"python": {
			"python3", []string{"python3", "-c", pythonClient},
			func(trust string) []string {
				return []string{"SSL_CERT_FILE=" + filepath.Join(trust, wiring.TrustBundle)}
			}, "http/1.1",
		},
		"node": {
			"nodejs", []string{"node", "-e", nodeClient},
			func(trust string) []string {
				return []string{"NODE_EXTRA_CA_CERTS=" + filepath.Join(trust, wiring.TrustCA)}
			}, "http/1.1",
		},
		"java": {
			"default-jre-headless", []string{"java", "-Djdk.net.hosts.file=" + filepath.Join(dir, "hosts"), filepath.Join(dir, "Client.java")},
			func(trust string) []string {
				return []string{"JAVA_TOOL_OPTIONS=-Djavax.net.ssl.trustStore=" + filepath.Join(trust, wiring.TrustStore) +
					" -Djavax.net.ssl.trustStoreType=PKCS12 -Djavax.net.ssl.trustStorePassword=" + wiring.TrustStorePassword}
			}, "http/1.1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			peer.Need(t, c.command[0], c.debianPackage)
			r := newTLSRig(t, nil)
			server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{r.added.issue(serverName)}})
			to := netip.MustParseAddrPort(server)
			r.to.Store(&to)
			_, port, err := net.SplitHostPort(r.outbound)
			if err != nil {
				t.Fatal(err)
			}
			args := make([]string, len(c.command)-1)
			for i, arg := range c.command[1:] {
				args[i] = strings.ReplaceAll(arg, "$PROXY_PORT", port)
			}
			command := exec.CommandContext(t.Context(), c.command[0], args...)
			command.Env = append(os.Environ(), append(c.variables(r.trust), "PROXY_PORT="+port)...)
			out, err := command.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "200") {
				t.Fatalf("%v: %s", err, out)
			}
			record := r.operation(t, "GET /anything/"+name)
			if record.GetScheme() != "https" || record.GetHost() != serverName || record.GetProtocol() != c.protocol {
				t.Errorf("record %v", record)
			}
		})
	}
}
