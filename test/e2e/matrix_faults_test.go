// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/restage-dev/restage/pkg/apis/replay/v1alpha1"
	"github.com/restage-dev/restage/pkg/injection"
	"github.com/restage-dev/restage/pkg/wiring"
	"github.com/restage-dev/restage/test/kube"
)

// fault is how one part dies.
type fault struct {
	part string
	// each kills the part of one environment as soon as it is there.
	each func(m *matrix, ctx context.Context, environment string) error
	// once kills a part that all environments share.
	once func(m *matrix, ctx context.Context) error
	// survived says that a replay that was running passes all the same.
	survived bool
	// invalid says that a replay that was running cannot pass.
	invalid bool
}

var faults = []fault{
	{part: "proxy", each: killContainer(wiring.ProxyContainerName)},
	{part: "responder", each: deleteResponder, invalid: true},
	{part: "application", each: killContainer("podinfo")},
	{part: "sandbox", each: killSandbox},
	{part: "forwarder", once: killPart("forwarder"), survived: true},
	{part: "controller", once: killPart("controller"), survived: true},
	{part: "apiserver", once: killPart("apiserver"), survived: true},
	{part: "kubelet", once: restartKubelet, survived: true},
}

// untilThere is how long a part of an environment that was just made may take to come up.
const untilThere = 90 * time.Second

// killContainer kills the first process of a container of a copy, so that the kernel ends all the others in it.
func killContainer(name string) func(*matrix, context.Context, string) error {
	return func(m *matrix, ctx context.Context, environment string) error {
		return kube.Await(ctx, untilThere, name+" of "+environment+" is killed", func() (bool, string) {
			for _, pod := range m.podsOf(environment, injection.ComponentWorkload) {
				if id := runningContainer(pod, name); id != "" {
					err := m.signal(ctx, "SIGKILL", id)
					return err == nil, fmt.Sprint(err)
				}
			}
			return false, "it does not run"
		})
	}
}

// killSandbox kills the process that holds the namespaces of a copy's pod, its network among them.
func killSandbox(m *matrix, ctx context.Context, environment string) error {
	return kube.Await(ctx, untilThere, "the sandbox of "+environment+" is killed", func() (bool, string) {
		for _, pod := range m.podsOf(environment, injection.ComponentWorkload) {
			out, err := kube.Run(ctx, "", nodeScript, "1", "ctr", "--namespace", "k8s.io", "containers", "list", "--quiet",
				fmt.Sprintf(`labels."io.kubernetes.pod.uid"==%s,labels."io.cri-containerd.kind"==sandbox`, pod.UID))
			if err == nil && out != "" {
				err = m.signal(ctx, "SIGKILL", strings.Fields(out)[0])
				return err == nil, fmt.Sprint(err)
			}
		}
		return false, "there is none"
	})
}

// deleteResponder deletes the responder's pod, without any grace.
func deleteResponder(m *matrix, ctx context.Context, environment string) error {
	return kube.Await(ctx, untilThere, "the responder of "+environment+" is deleted", func() (bool, string) {
		pods := m.podsOf(environment, "responder")
		if len(pods) == 0 {
			return false, "there is none"
		}
		err := m.client.CoreV1().Pods(m.namespace).Delete(ctx, pods[0].Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		return err == nil, fmt.Sprint(err)
	})
}

// killPart kills the process of a part of the installation.
func killPart(component string) func(*matrix, context.Context) error {
	return func(m *matrix, ctx context.Context) error {
		pods, err := m.client.CoreV1().Pods("restage-system").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for i := range pods.Items {
			statuses := pods.Items[i].Status.ContainerStatuses
			if strings.HasPrefix(pods.Items[i].Name, "restage-"+component+"-") && len(statuses) > 0 && statuses[0].State.Running != nil {
				return m.signal(ctx, "SIGKILL", containerID(statuses[0]))
			}
		}
		return fmt.Errorf("no %s runs", component)
	}
}

func restartKubelet(_ *matrix, ctx context.Context) error {
	_, err := kube.Run(ctx, "", "../../hack/localcluster/restart-kubelet.sh", "1")
	return err
}

// signal sends a signal to the first process of a container on the node.
func (m *matrix) signal(ctx context.Context, signal, container string) error {
	_, err := kube.Run(ctx, "", nodeScript, "1", "ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", signal, container)
	return err
}

// podsOf are the pods of one component of an environment, those that are being deleted last.
func (m *matrix) podsOf(environment, component string) []*corev1.Pod {
	pods, err := m.watch.pods.List(labels.SelectorFromSet(labels.Set{
		v1alpha1.LabelEnvironment: environment, v1alpha1.LabelComponent: component,
	}))
	if err != nil {
		return nil
	}
	var ending []*corev1.Pod
	var all []*corev1.Pod
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil {
			ending = append(ending, pod)
		} else {
			all = append(all, pod)
		}
	}
	return append(all, ending...)
}

// runningContainer is the identifier of a container of a pod, empty unless it runs.
func runningContainer(pod *corev1.Pod, name string) string {
	for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		if status.Name == name && status.State.Running != nil {
			return containerID(status)
		}
	}
	return ""
}

func containerID(status corev1.ContainerStatus) string {
	return strings.TrimPrefix(status.ContainerID, "containerd://")
}
