// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/authority"
	"github.com/restage-dev/restage/test/kube"
)

// polyglotBack is what the front depends on. Its certificate is of a CA that only the ConfigMap has.
const polyglotBack = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: back, namespace: NAMESPACE}
spec:
  selector: {matchLabels: {app: back}}
  template:
    metadata: {labels: {app: back}}
    spec:
      containers:
      - name: dependency
        image: localhost/restage/polyglot:dev
        imagePullPolicy: IfNotPresent
        args: [dependency, /tls]
        readinessProbe: {tcpSocket: {port: 8443}, periodSeconds: 1}
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: back-tls}}]
---
apiVersion: v1
kind: Service
metadata: {name: back, namespace: NAMESPACE}
spec:
  selector: {app: back}
  ports: [{name: https, port: 8443}, {name: grpcs, port: 8444}, {name: grpc, port: 8090}]
`

// polyglotFront calls its dependency by clients of several languages, over TLS with HTTP/2 and by gRPC.
const polyglotFront = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: front
  namespace: NAMESPACE
  annotations:
    capture.restage.dev/enabled: "true"
    capture.restage.dev/tls-outbound: Intercept
    capture.restage.dev/tls-trusted-cas: company-cas
    capture.restage.dev/tls-inbound: front-tls
    capture.restage.dev/descriptor-set: back-descriptors
spec:
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      containers:
      - name: app
        image: localhost/restage/polyglot:dev
        imagePullPolicy: IfNotPresent
        args: [front, /tls, back]
        ports: [{name: http, containerPort: 8080}, {name: https, containerPort: 8443}]
        readinessProbe: {httpGet: {path: /ready, port: http}, periodSeconds: 1}
        resources: {requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 512Mi}}
        volumeMounts: [{name: tls, mountPath: /tls}]
      volumes: [{name: tls, secret: {secretName: front-tls}}]
---
apiVersion: v1
kind: Service
metadata: {name: front, namespace: NAMESPACE}
spec:
  selector: {app: front}
  ports: [{name: http, port: 8080}, {name: https, port: 8443}]
`

// grpcAnswers is what a client of gRPC gets: from calls of all four kinds, and of one that failed.
const grpcAnswers = `echo seed|NotFound no such seed|seed|seed|seed|aggregated_payload_size:12|echo seed|echo seed|echo seed|aggregated_payload_size:48`

// polyglotAnswers is what the clients get, joined by bars. Each says which protocol it spoke.
var polyglotAnswers = map[string]string{
	"curl":   `hello curl by HTTP/2 200|{"accepted":"curl","items":2} by HTTP/2 201`,
	"python": `HTTP/2 200 hello python|HTTP/2 201 {"accepted":"python","items":2}`,
	"node":   `HTTP/2 200 hello node|HTTP/2 201 {"accepted":"node","items":2} sum 2`,
	"java":   `HTTP/2 200 hello java|HTTP/2 201 {"accepted":"java","items":2}`,
	"go":     `HTTP/2.0 200 hello go sum |HTTP/2.0 201 {"accepted":"go","items":2} sum 2`,
	"grpcs":  grpcAnswers,
	"grpc":   grpcAnswers,
}

// TestPolyglot records clients of curl, Python, Node.js, Java and Go, and plays to them without their dependency.
func TestPolyglot(t *testing.T) {
	t.Parallel()
	s := &shop{namespace: kube.Namespace(t, "e2e-polyglot")}
	t.Cleanup(func() { s.explain(t) })
	kube.MustApply(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+s.namespace+"}\n")
	s.certify(t, "back", "front")
	kube.MustApply(t, strings.ReplaceAll(polyglotBack, "NAMESPACE", s.namespace))
	s.kubectl(t, "rollout", "status", "deployment/back", "--timeout=120s")
	s.describe(t, "back", "8090")
	kube.MustApply(t, strings.ReplaceAll(polyglotFront, "NAMESPACE", s.namespace))
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	kube.Eventually(t, 2*time.Minute, "no pod but the recorded one takes calls", func() (bool, string) {
		pods := s.kubectl(t, "get", "pods", "-l", "app=front", "-o", "jsonpath={range .items[*]}{.spec.initContainers[*].name};{end}")
		return strings.Count(pods, ";") == 1 && strings.Contains(pods, "restage-"), pods
	})

	var script strings.Builder
	script.WriteString("echo curl $(curl -sSk --max-time 60 https://front:8443/call/curl)\n") // TLS by the front itself, with HTTP/2
	for name := range polyglotAnswers {
		fmt.Fprintf(&script, "echo %s $(curl -sS --max-time 60 http://front:8080/call/%s)\n", name, name)
	}
	for line := range strings.Lines(s.client(t, "visitor", script.String())) {
		name, answer, _ := strings.Cut(strings.TrimSpace(line), " ")
		var got []string
		if err := json.Unmarshal([]byte(answer), &got); err != nil {
			t.Fatalf("%s got %s", name, answer)
		}
		if got := strings.Join(got, "|"); got != polyglotAnswers[name] {
			t.Errorf("%s got %s, want %s", name, got, polyglotAnswers[name])
		}
	}
	if read := s.kubectl(t, "get", "trafficcapture", "front", "-o", `jsonpath={.status.conditions[?(@.type=="TLSRead")]}`); !strings.Contains(read, `"status":"True"`) {
		t.Errorf("TLS was not read: %s", read)
	}
	s.snapshot(t, "monday")
	t.Run("records", s.polyglotRecords)

	s.closeBack(t)
	status := s.inTime(t, "polyglot", func(name string) {
		spoken := s.watchClone(t, name)
		kube.MustApply(t, fmt.Sprintf(`
apiVersion: replay.restage.dev/v1alpha1
kind: TrafficReplay
metadata: {name: %s, namespace: %s}
spec: {snapshotName: monday}
`, name, s.namespace))
		stop := spoken()
		s.finished(t, name)
		stop()
	})
	// That each client got the same means that it spoke the same protocol, too: it says so.
	status.passed(t)
	if got := status.Summary.Requests; got != int64(len(polyglotAnswers)+1) {
		t.Errorf("%d requests were replayed, want %d", got, len(polyglotAnswers)+1)
	}
}

// explain prints, when the test has failed, what the pods of the namespace said.
func (s *shop) explain(t *testing.T) {
	if !t.Failed() {
		return
	}
	for _, args := range [][]string{
		{"get", "pods", "-o", "wide"}, {"get", "events"}, {"get", "trafficreplays,environments,trafficcaptures", "-o", "yaml"},
		{"logs", "-l", "app in (front,back)", "--all-containers", "--prefix", "--tail=60"},
		{"get", "--raw", "/apis/replay.restage.dev/v1alpha1/namespaces/" + s.namespace + "/trafficreplays/polyglot/report"},
	} {
		out, err := kube.Run(context.Background(), "", "kubectl", append([]string{"-n", s.namespace}, args...)...)
		t.Logf("%v: %v\n%s", args, err, out)
	}
}

// certify makes a CA, which the ConfigMap company-cas has, and certificates of it for Services.
func (s *shop) certify(t *testing.T, services ...string) {
	t.Helper()
	now := time.Now()
	ca, err := authority.New("company", 24*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	objects := []any{&corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "company-cas", Namespace: s.namespace},
		Data: map[string]string{"ca.crt": string(authority.EncodeCertificate(ca.Certificate))},
	}}
	for _, service := range services {
		certificate, signer, err := ca.Issue([]string{service, service + "." + s.namespace + ".svc"}, nil, 24*time.Hour, now)
		if err != nil {
			t.Fatal(err)
		}
		key, err := authority.EncodeKey(signer)
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Name: service + "-tls", Namespace: s.namespace},
			Type: corev1.SecretTypeTLS,
			Data: map[string][]byte{"tls.crt": authority.EncodeCertificate(certificate), "tls.key": key},
		})
	}
	for _, object := range objects {
		manifest, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		kube.MustApply(t, string(manifest))
	}
}

// polyglotRecords checks what is recorded of the clients.
func (s *shop) polyglotRecords(t *testing.T) {
	records := kube.Kubectl(t, "get", "--raw", fmt.Sprintf(
		"/apis/replay.restage.dev/v1alpha1/namespaces/%s/trafficsnapshots/monday/records?limit=10000", s.namespace))
	got := map[string]int{}
	for line := range strings.Lines(records) {
		var r struct {
			Direction, Protocol, Scheme, Host, Operation, Failure string
			Status                                                int
			GRPCStatus                                            *int
			Request, Response                                     struct {
				Body       string
				BodyBase64 []byte
				Headers    [][2]string
				Trailers   [][2]string
				Pieces     []any
				Messages   []map[string]any
			}
			Redacted, Defects []string
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		everything := line + string(r.Request.BodyBase64) + string(r.Response.BodyBase64)
		for _, secret := range []string{"s3cret-", "hunter2-", "c00kie-", "ada@polyglot.example"} {
			if strings.Contains(everything, secret) {
				t.Errorf("%s is recorded: %s", secret, line)
			}
		}
		if r.Failure != "" || len(r.Defects) > 0 {
			t.Errorf("a record that is not whole: %s", line)
		}
		if r.Direction != "Outbound" {
			got[strings.Join([]string{"inbound", r.Protocol, r.Scheme}, " ")]++
			continue
		}
		got[strings.Join([]string{r.Protocol, r.Scheme, r.Host, r.Operation}, " ")]++
		if len(r.Redacted) == 0 {
			t.Errorf("nothing was redacted: %s", line)
		}
		switch trailers := fmt.Sprint(r.Response.Trailers); {
		case r.Operation == "POST /orders" && (r.Status != 201 || !strings.Contains(r.Response.Body, `"items":2`) || trailers != "[[sum 2]]"):
			t.Errorf("an order: %s", line)
		case r.Operation == "GET /greeting" && (r.Status != 200 || !strings.HasPrefix(r.Response.Body, "hello ")):
			t.Errorf("a greeting: %s", line)
		case r.Protocol == "grpc" && (r.GRPCStatus == nil || *r.GRPCStatus != 0 && *r.GRPCStatus != 5 || !strings.Contains(fmt.Sprint(r.Response.Headers)+trailers, fmt.Sprintf("[grpc-status %d]", *r.GRPCStatus))):
			t.Errorf("a call: %s", line)
		case r.Protocol == "grpc" && !strings.HasSuffix(r.Operation, "/StreamingOutputCall") && (len(r.Request.Messages) == 0 || r.Request.Messages[0]["payload"] == nil):
			t.Errorf("the messages of a call have no names: %s", line)
		case strings.HasSuffix(r.Operation, "/FullDuplexCall") && (len(r.Request.Pieces) != 3 || len(r.Response.Pieces) != 3):
			t.Errorf("the messages of a call: %s", line)
		}
	}
	want := map[string]int{
		"inbound http/1.1 ": len(polyglotAnswers), "inbound http/2 https": 1,
		"http/2 https back GET /greeting": 6, "http/2 https back POST /orders": 6,
	}
	for _, scheme := range []string{"https", "http"} {
		for method, calls := range map[string]int{"UnaryCall": 2, "StreamingOutputCall": 1, "StreamingInputCall": 2, "FullDuplexCall": 1} {
			want["grpc "+scheme+" back POST /grpc.testing.TestService/"+method] = calls
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("recorded are %v, want %v", got, want)
	}
}

// watchClone watches, where the test has the node, whom the copy of the workload speaks to; it is called before there is one. The function that
// is returned waits for the copy, and the one that that returns ends the watch and wants nobody but the responder.
func (s *shop) watchClone(t *testing.T, environment string) (await func() (stop func())) {
	t.Helper()
	if os.Getenv("CLUSTER") != "local" {
		return func() func() { return func() {} }
	}
	packets := tapNode(t)
	return func() func() {
		t.Helper()
		var address, clone string
		kube.Eventually(t, 2*time.Minute, "the clone runs", func() (bool, string) {
			address = s.kubectl(t, "get", "service", environment+"-responder", "--ignore-not-found", "-o", "jsonpath={.spec.clusterIP}")
			clone = s.kubectl(t, "get", "pods", "-l", "replay.restage.dev/environment="+environment+",replay.restage.dev/component=workload",
				"-o", "jsonpath={.items[*].status.podIP}")
			return address != "" && clone != "", address + " " + clone
		})
		return func() {
			t.Helper()
			spokenTo := openedBy(packets.stop(t), clone)
			if len(spokenTo) == 0 {
				t.Error("the node saw no connection of the clone at all: the watch is blind")
			}
			for to, packet := range spokenTo {
				if to != address {
					t.Errorf("the clone spoke to %s, which is not the responder (%s): %s", to, address, packet)
				}
			}
		}
	}
}

// openedBy are those to whom a pod has opened TCP connections or sent UDP, each with the first packet. Only what comes out of the pod
// is looked at, so that a destination is the one the pod chose and not what a Service made of it.
func openedBy(packets []packet, pod string) map[string]packet {
	opened := map[string]packet{}
	for _, p := range packets {
		opens := p.protocol == unix.IPPROTO_UDP || p.protocol == unix.IPPROTO_TCP && p.flags&(flagSYN|flagACK) == flagSYN
		to := p.to.Addr().String()
		if _, known := opened[to]; !known && opens && !p.toPod && p.from.Addr().String() == pod {
			opened[to] = p
		}
	}
	return opened
}
