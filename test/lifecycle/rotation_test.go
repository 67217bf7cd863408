// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package lifecycle

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/cert"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	manifests "github.com/restage-dev/restage/pkg/install"
	"github.com/restage-dev/restage/test/kube"
)

const (
	// visits are what the front is asked during the rotation, two a second at most: longer than it takes.
	visits = 300
	// signing is how long a new CA of certificates with the shortest lifetime is published before it signs, two minutes, and some patience.
	signing = 3 * time.Minute
)

// rotated is one of the two servers that make their own certificates: its Deployment, where its CA is published, and the Secret of that.
type rotated struct{ name, configMap, secret string }

// TestRotation changes the CAs of both servers, as whoever deletes their Secrets does, while the API is used through the aggregator and
// the front is recorded. No request fails and no record is lost, also though the forwarder is restarted between the new CA's being
// published and its signing, and once more when it signs.
func TestRotation(t *testing.T) {
	s := openShop(t)
	installWith(t, manifests.Options{}, withArgument("restage-apiserver", "--certificate-lifetime=1h"),
		withArgument("restage-controller", "--certificate-lifetime=1h"))
	servers := []rotated{
		{"restage-apiserver", "restage-apiserver-ca", "restage-apiserver-ca"},
		{"restage-forwarder", "restage-forwarder-ca", "restage-forwarder-tls"},
	}
	s.kubectl(t, "wait", "--for=create", "trafficcapture/front", "--timeout=60s")
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficcapture/front", "--timeout=120s")
	s.kubectl(t, "run", "visitor", "--image=localhost/restage/client:dev", "--image-pull-policy=IfNotPresent", "--restart=Never", "--command", "--",
		"/bin/sh", "-c", fmt.Sprintf(`for i in $(seq 1 %d); do curl -sSf -o /dev/null -d "hello $i" http://front:9898/echo || exit 1; sleep 0.5; done`, visits))

	var group sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer group.Wait()
	defer stop()
	var requests atomic.Int64
	for i := range 2 {
		group.Go(func() { use(ctx, t, s.namespace, fmt.Sprintf("steady-%d", i), &requests) })
	}
	rotate(t, servers)
	kube.Eventually(t, time.Minute, "all is well with the new CAs, but that their certificates are short-lived", func() (bool, string) {
		d := check(t, "--no-probe")
		return d.exit == 0, fmt.Sprintf("exit %d: %+v", d.exit, d.trouble())
	})
	seen := requests.Load()
	kube.Eventually(t, time.Minute, "the API is used with the new CA", func() (bool, string) {
		now := requests.Load()
		return now > seen+500, fmt.Sprint(now)
	})
	stop()
	group.Wait()

	s.kubectl(t, "wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/visitor", "--timeout=300s")
	kube.MustApply(t, strings.ReplaceAll(kube.DemoManifest(t, "snapshot.yaml", s.namespace), "last: 1m", "last: 30m"))
	s.kubectl(t, "wait", "--for=condition=Ready", "trafficsnapshot/monday", "--timeout=60s")
	recorded := s.kubectl(t, "get", "trafficsnapshot", "monday", "-o", "jsonpath={.status.inbound} recorded, {.status.completeness.dropped} dropped")
	if want := fmt.Sprintf("%d recorded, 0 dropped", visits); recorded != want {
		t.Errorf("%s, want %s", recorded, want)
	}
	t.Logf("%d requests of the API, %d recorded, none failed or lost", requests.Load(), visits)
}

// rotate deletes the Secrets of the servers and returns when their new CAs sign. That the former ones are not trusted any more, two minutes
// later, is tested where clocks can be turned.
func rotate(t *testing.T, servers []rotated) {
	t.Helper()
	former := map[rotated]string{}
	for _, server := range servers {
		former[server] = published(t, server.configMap)
		kube.Kubectl(t, "-n", system, "delete", "secret", server.secret)
	}
	for _, server := range servers {
		kube.Eventually(t, time.Minute, "a new CA is published in "+server.configMap, func() (bool, string) {
			now := published(t, server.configMap)
			return now != former[server] && strings.HasSuffix(now, former[server]), now
		})
	}
	restartForwarder(t)
	for _, server := range servers {
		authorities, err := cert.ParseCertsPEM([]byte(published(t, server.configMap)))
		if err != nil {
			t.Fatal(err)
		}
		kube.Eventually(t, signing, "the new CA signs for "+server.name, func() (bool, string) {
			log := kube.Kubectl(t, "-n", system, "logs", "deployment/"+server.name)
			return strings.Contains(log, fmt.Sprintf("issuer=%q", authorities[0].Subject.CommonName)), log
		})
	}
	restartForwarder(t)
}

// withArgument gives a further argument to the container of a Deployment.
func withArgument(name, argument string) func(*unstructured.Unstructured) {
	return func(object *unstructured.Unstructured) {
		if object.GetKind() != "Deployment" || object.GetName() != name {
			return
		}
		path := []string{"spec", "template", "spec", "containers"}
		containers, _, _ := unstructured.NestedSlice(object.Object, path...)
		container := containers[0].(map[string]any)
		container["args"] = append(container["args"].([]any), argument)
		_ = unstructured.SetNestedSlice(object.Object, containers, path...)
	}
}

func published(t *testing.T, configMap string) string {
	t.Helper()
	return kube.Kubectl(t, "-n", system, "get", "configmap", configMap, "-o", `jsonpath={.data.ca\.crt}`)
}

func restartForwarder(t *testing.T) {
	t.Helper()
	kube.Kubectl(t, "-n", system, "delete", "pod", "-l", "app.kubernetes.io/name=restage-forwarder", "--timeout=60s")
	kube.Kubectl(t, "-n", system, "rollout", "status", "deployment/restage-forwarder", "--timeout=120s")
}

// use makes, reads and deletes an object of ours through the aggregator, over and over, until the context ends.
func use(ctx context.Context, t *testing.T, namespace, name string, requests *atomic.Int64) {
	client, err := versioned.NewForConfig(kube.Config(t))
	if err != nil {
		t.Error(err)
		return
	}
	profiles := client.ReplayV1alpha1().ReplayProfiles(namespace)
	for ctx.Err() == nil {
		for _, request := range []func() error{
			func() error {
				_, err := profiles.Create(ctx, &v1alpha1.ReplayProfile{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
				return err
			},
			func() error { _, err := profiles.List(ctx, metav1.ListOptions{}); return err },
			func() error { return profiles.Delete(ctx, name, metav1.DeleteOptions{}) },
		} {
			if err := request(); err != nil {
				if ctx.Err() == nil {
					t.Errorf("after %d requests: %v", requests.Load(), err)
				}
				return
			}
			requests.Add(1)
		}
	}
}
