// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

// provisionerName is what the StorageClass names (manifests/storage.yaml).
const provisionerName = "localcluster.restage.dev/directory"

// A provisioner makes a PersistentVolume for each claim of its class: a directory of the machine. All nodes of the
// cluster see the same file system, so a volume is there on each of them and needs no node affinity. The directory is
// writable for everybody: pods run as any user, and fsGroup has no effect on a hostPath.
type provisioner struct {
	client kubernetes.Interface
	root   string
	claims cache.Indexer
	queue  workqueue.TypedRateLimitingInterface[task]
}

type task struct {
	claim  string // namespace/name of a PersistentVolumeClaim, or
	volume string // name of a PersistentVolume
}

func newProvisionerCommand() *cobra.Command {
	var kubeconfig, root string
	cmd := &cobra.Command{
		Use:          "storage-provisioner",
		Short:        "Make a directory and a PersistentVolume for each PersistentVolumeClaim",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return err
			}
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				return err
			}
			return (&provisioner{client: client, root: root}).run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig of the cluster")
	cmd.Flags().StringVar(&root, "root", "", "directory that holds the volumes")
	return cmd
}

func (p *provisioner) run(ctx context.Context) error {
	if ctx == nil {
		ctx = context.Background()
	}
	p.queue = workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[task]())
	defer p.queue.ShutDown()

	factory := informers.NewSharedInformerFactory(p.client, 10*time.Minute)
	claims := factory.Core().V1().PersistentVolumeClaims().Informer()
	volumes := factory.Core().V1().PersistentVolumes().Informer()
	p.claims = claims.GetIndexer()
	enqueue := func(obj any) {
		switch o := obj.(type) {
		case *corev1.PersistentVolumeClaim:
			p.queue.Add(task{claim: o.Namespace + "/" + o.Name})
		case *corev1.PersistentVolume:
			p.queue.Add(task{volume: o.Name})
		}
	}
	handler := cache.ResourceEventHandlerFuncs{AddFunc: enqueue, UpdateFunc: func(_, obj any) { enqueue(obj) }}
	for _, informer := range []cache.SharedIndexInformer{claims, volumes} {
		if _, err := informer.AddEventHandler(handler); err != nil {
			return err
		}
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	klog.InfoS("Providing volumes", "root", p.root)

	go func() { <-ctx.Done(); p.queue.ShutDown() }()
	for {
		t, quit := p.queue.Get()
		if quit {
			return nil
		}
		if err := p.process(ctx, t); err != nil {
			klog.ErrorS(err, "Will be tried again", "claim", t.claim, "volume", t.volume)
			p.queue.AddRateLimited(t)
		} else {
			p.queue.Forget(t)
		}
		p.queue.Done(t)
	}
}

func (p *provisioner) process(ctx context.Context, t task) error {
	if t.volume != "" {
		return p.reclaim(ctx, t.volume)
	}
	obj, ok, err := p.claims.GetByKey(t.claim)
	if err != nil || !ok {
		return err
	}
	return p.provision(ctx, obj.(*corev1.PersistentVolumeClaim))
}

// provision answers a claim that the volume controller of Kubernetes has handed to us, which is its annotation.
func (p *provisioner) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil ||
		claim.Annotations[volume.AnnStorageProvisioner] != provisionerName {
		return nil
	}
	class, err := p.client.StorageV1().StorageClasses().Get(ctx, ptr.Deref(claim.Spec.StorageClassName, ""), metav1.GetOptions{})
	if err != nil {
		return err
	}
	if ptr.Deref(class.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer &&
		claim.Annotations[volume.AnnSelectedNode] == "" {
		return nil // no pod wants it yet
	}
	name := "pvc-" + string(claim.UID)
	dir := filepath.Join(p.root, name)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o777); err != nil { // whatever the umask
		return err
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{volume.AnnDynamicallyProvisioned: provisionerName},
		},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes:                   claim.Spec.AccessModes,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              class.Name,
			PersistentVolumeReclaimPolicy: ptr.Deref(class.ReclaimPolicy, corev1.PersistentVolumeReclaimDelete),
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: dir, Type: ptr.To(corev1.HostPathDirectory)},
			},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	klog.InfoS("Made a volume", "claim", klog.KObj(claim), "volume", name)
	return nil
}

// reclaim removes a volume of ours whose claim is gone, with its directory.
func (p *provisioner) reclaim(ctx context.Context, name string) error {
	pv, err := p.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if pv.Annotations[volume.AnnDynamicallyProvisioned] != provisionerName || pv.Status.Phase != corev1.VolumeReleased ||
		pv.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		return nil
	}
	if pv.Spec.HostPath == nil || filepath.Dir(pv.Spec.HostPath.Path) != p.root {
		return fmt.Errorf("volume %s is not in %s", name, p.root)
	}
	if err := os.RemoveAll(pv.Spec.HostPath.Path); err != nil {
		return err
	}
	err = p.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pv.UID))})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	klog.InfoS("Removed a volume", "volume", name)
	return nil
}
