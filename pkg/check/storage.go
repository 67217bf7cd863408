// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package check

import (
	"context"
	"fmt"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/installation"
	"github.com/restage-dev/restage/pkg/wiring"
)

const answerBytes = 4 << 10

// claims tells whether the volumes of the installation are there.
func claims(ctx context.Context, c *Cluster) ([]Finding, error) {
	wanted := map[string]bool{}
	for _, name := range installation.Components {
		if d := c.Found.Deployments[name]; d != nil {
			for _, volume := range d.Spec.Template.Spec.Volumes {
				if volume.PersistentVolumeClaim != nil {
					wanted[volume.PersistentVolumeClaim.ClaimName] = true
				}
			}
		}
	}
	list, err := c.Kube.CoreV1().PersistentVolumeClaims(c.home()).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing the PersistentVolumeClaims of namespace %s: %w", c.home(), err)
	}
	var findings []Finding
	count := len(wanted)
	for _, claim := range list.Items {
		if !wanted[claim.Name] {
			continue
		}
		delete(wanted, claim.Name)
		if finding, err := c.claimTrouble(ctx, &claim); err != nil {
			return nil, err
		} else if finding != nil {
			findings = append(findings, *finding)
		}
	}
	for name := range wanted {
		findings = append(findings, failure(c.reinstall(), "PersistentVolumeClaim %s/%s is not there", c.home(), name))
	}
	return orOK(findings, "%d PersistentVolumeClaims are bound", count), nil
}

func (c *Cluster) claimTrouble(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*Finding, error) {
	describe := fmt.Sprintf("kubectl -n %s describe pvc %s", claim.Namespace, claim.Name)
	var finding Finding
	switch {
	case claim.Status.Phase == corev1.ClaimBound && claim.DeletionTimestamp == nil:
		return nil, nil
	case claim.DeletionTimestamp != nil:
		finding = failure(c.reinstall(), "PersistentVolumeClaim %s/%s is being deleted, and goes with its data when its pod ends", claim.Namespace, claim.Name)
	case claim.Status.Phase == corev1.ClaimLost:
		finding = failure(describe, "PersistentVolumeClaim %s/%s has lost its volume", claim.Namespace, claim.Name)
	case claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName == "":
		classes, err := c.Kube.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, fmt.Errorf("listing the StorageClasses: %w", err)
		}
		finding = failure(`kubectl annotate storageclass NAME storageclass.kubernetes.io/is-default-class=true`,
			"PersistentVolumeClaim %s/%s waits: it names no StorageClass and the cluster has no default one (of %d)", claim.Namespace, claim.Name, len(classes.Items))
	default:
		finding = failure(describe, "PersistentVolumeClaim %s/%s of StorageClass %s is not bound", claim.Namespace, claim.Name, *claim.Spec.StorageClassName)
	}
	return &finding, nil
}

// storageTakesWrites asks the forwarder, which writes to its log and to its storage to find out.
func storageTakesWrites(ctx context.Context, c *Cluster) ([]Finding, error) {
	pods, err := c.podsOf(ctx, installation.Forwarder)
	if err != nil {
		return nil, err
	}
	for i := range pods {
		pod := &pods[i]
		if !running(pod) || !started(pod) {
			continue
		}
		status, body, err := c.get(ctx, pod, wiring.ForwarderHealthPort, "/readyz")
		if err != nil {
			return nil, err
		}
		if status == http.StatusOK {
			return ok("the forwarder writes to its log and to its storage"), nil
		}
		return []Finding{c.storageTrouble(body)}, nil
	}
	if _, detail, err := c.Apply.Deployment(c.home(), installation.Forwarder).Check(ctx); err != nil {
		return nil, fmt.Errorf("reading Deployment %s/%s: %w", c.home(), installation.Forwarder, err)
	} else if len(pods) > 0 {
		return []Finding{c.storageTrouble(detail)}, nil
	}
	return skipped("the forwarder does not run"), nil
}

// storageTrouble says what the forwarder says, if it speaks of its storage.
func (c *Cluster) storageTrouble(message string) Finding {
	look := fmt.Sprintf("kubectl -n %s logs deployment/%s", c.home(), installation.Forwarder)
	why, fix := storageCause(message)
	switch {
	case why == "":
		return Finding{Verdict: Skipped, Reason: "the forwarder does not run, for another reason than its storage"}
	case fix == "":
		fix = look
	}
	return failure(fix, "%s: %s", why, clip(message))
}

// started tells whether the containers of a pod run.
func started(pod *corev1.Pod) bool {
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running == nil {
			return false
		}
	}
	return len(pod.Status.ContainerStatuses) > 0
}

// get asks a pod over HTTP.
func (c *Cluster) get(ctx context.Context, pod *corev1.Pod, port int, path string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	address, stop, err := c.forward(ctx, pod.Namespace, pod.Name, port)
	if err != nil {
		return 0, "", err
	}
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", fmt.Errorf("asking pod %s/%s for %s: %w", pod.Namespace, pod.Name, path, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	return response.StatusCode, string(data), err
}
