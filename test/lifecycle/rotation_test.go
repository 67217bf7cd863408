// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e && rotation

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

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned"
	"github.com/restage-dev/restage/test/kube"
)

const (
	// visits are what the front is asked during the rotation, two a second at most: longer than a rotation takes.
	visits = 700
	// rotation is how long the CA of certificates with the shortest lifetime may take to change: two minutes until the new one signs,
	// two more until the old one is gone.
	rotation = 7 * time.Minute
)

// TestRotation takes eight minutes, so it is behind a tag of its own: go test -tags e2e,rotation -run TestRotation ./test/lifecycle
// on a cluster without Restage whose nodes have the images. It changes the CAs of both servers, as whoever deletes their Secrets does, while the API is used through the aggregator and
// the front is recorded. No request fails and no record is lost, also though the forwarder is restarted between the new CA's being
// published and its signing, and once more when it signs.
func TestRotation(t *testing.T) {
	s := openShop(t)
	install(t)
	t.Cleanup(func() {
		kube.CleanUp(t, time.Minute, "-n", s.namespace, "annotate", "deployment/front", "capture.restage.dev/enabled-")
		kube.CleanUp(t, time.Minute, "-n", s.namespace, "delete", "trafficsnapshots,trafficcaptures", "--all", "--timeout=50s")
		kube.CleanUp(t, 2*time.Minute, "delete", "-k", dev, "--timeout=110s")
	})
	shortLived(t)
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

	servers := map[string]string{"restage-apiserver-ca": "restage-apiserver-ca", "restage-forwarder-ca": "restage-forwarder-tls"}
	former := map[string]string{}
	for configMap, secret := range servers {
		former[configMap] = published(t, configMap)
		kube.Kubectl(t, "-n", system, "delete", "secret", secret)
	}
	for configMap := range servers {
		kube.Eventually(t, time.Minute, "a new CA is published in "+configMap, func() (bool, string) {
			now := published(t, configMap)
			return now != former[configMap] && strings.HasSuffix(now, former[configMap]), now
		})
	}
	restartForwarder(t)
	for configMap := range servers {
		kube.Eventually(t, rotation, "the old CA is gone from "+configMap, func() (bool, string) {
			now := published(t, configMap)
			return !strings.Contains(now, former[configMap]) && strings.Count(now, "BEGIN CERTIFICATE") == 1, now
		})
	}
	restartForwarder(t)
	seen := requests.Load()
	kube.Eventually(t, time.Minute, "the API is used with the new CA", func() (bool, string) {
		now := requests.Load()
		return now > seen+20, fmt.Sprint(now)
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

// shortLived has both servers make certificates with the shortest lifetime.
func shortLived(t *testing.T) {
	t.Helper()
	for _, name := range []string{"restage-apiserver", "restage-controller"} {
		kube.Kubectl(t, "-n", system, "patch", "deployment", name, "--type=json", "-p",
			`[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--certificate-lifetime=1h"}]`)
		kube.Kubectl(t, "-n", system, "rollout", "status", "deployment/"+name, "--timeout=180s")
	}
	kube.Eventually(t, 2*time.Minute, "the controller passes the lifetime on to the forwarder", func() (bool, string) {
		args := kube.Kubectl(t, "-n", system, "get", "deployment", "restage-forwarder", "-o", "jsonpath={.spec.template.spec.containers[0].args}")
		return strings.Contains(args, "--certificate-lifetime=1h0m0s"), args
	})
	awaitReady(t)
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
