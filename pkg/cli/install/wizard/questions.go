// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"errors"
	"fmt"
	"strings"

	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/restage-dev/restage/pkg/install"
)

// check validates the options as they would be.
func (w *wizard) check(change func(*install.Options)) error {
	options := w.options
	change(&options)
	return options.Validate()
}

func (w *wizard) askNamespace(ctx context.Context) (err error) {
	w.heading("Namespace", "Restage's own pods run in a namespace of their own; deleting it removes them. It is made if it is not there.")
	w.options.Namespace, err = w.text(ctx, "Namespace", w.options.Namespace, func(name string) error {
		if name == "" {
			return errors.New("a name is needed")
		}
		return w.check(func(o *install.Options) { o.Namespace = name })
	})
	return err
}

func (w *wizard) askWorkloads(ctx context.Context) error {
	w.heading("Workloads", "Restage reads Deployments, adds the recording proxy to those that you mark, and makes copies beside them. "+
		"Its rights can end at the namespaces that you name; only the registration of the API is then cluster-wide.")
	otherwise := 0
	if len(w.options.Namespaces) > 0 {
		otherwise = 1
	}
	chosen, err := w.choose(ctx, []string{"in all namespaces", "in named namespaces alone"}, otherwise)
	if err != nil {
		return err
	}
	if chosen == 0 {
		w.options.Namespaces = nil
		return nil
	}
	w.options.Namespaces, err = w.list(ctx, "Namespaces, comma separated", w.options.Namespaces, func(names []string) error {
		if len(names) == 0 {
			return errors.New("a name is needed")
		}
		if err := w.check(func(o *install.Options) { o.Namespaces = names }); err != nil {
			return err
		}
		for _, name := range names {
			if _, err := w.kube.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
				return fmt.Errorf("%q: there is no such namespace on the cluster", name)
			}
		}
		return nil
	})
	return err
}

func (w *wizard) askStorage(ctx context.Context) error {
	w.heading("Storage", "What is recorded is your production's traffic and stays in your storage, as Parquet. A bucket is the better place for much of it; "+
		"its credentials come from the pod's environment or the node, as for every AWS client.")
	volume, otherwise := "a volume of its own, 10 Gi, "+w.storageClass(ctx), 0
	if w.options.StorageURL != "" {
		otherwise = 1
	}
	chosen, err := w.choose(ctx, []string{volume, "a bucket, or another place with a URL"}, otherwise)
	if err != nil {
		return err
	}
	if chosen == 0 {
		w.options.StorageURL = ""
		return nil
	}
	w.options.StorageURL, err = w.text(ctx, "URL, such as s3://bucket?region=eu-central-1", w.options.StorageURL, func(url string) error {
		if url == "" {
			return errors.New("a URL is needed")
		}
		return w.check(func(o *install.Options) { o.StorageURL = url })
	})
	return err
}

// storageClass says where a volume would come from.
func (w *wizard) storageClass(ctx context.Context) string {
	classes, err := w.kube.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "of the default StorageClass"
	}
	for i := range classes.Items {
		if isDefault(&classes.Items[i]) {
			return "of the StorageClass " + classes.Items[i].Name
		}
	}
	return "for which this cluster has no default StorageClass: make one first"
}

func isDefault(class *storagev1.StorageClass) bool {
	return class.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"
}

func (w *wizard) askServers(ctx context.Context) error {
	w.heading("API server", "One server keeps its objects in an etcd of its own, on a volume of 8 Gi, and is away for some seconds when it is updated or its node is drained. "+
		"Several servers are not, and share an etcd that you run.")
	otherwise := 0
	if w.options.HA {
		otherwise = 1
	}
	chosen, err := w.choose(ctx, []string{"one server", "three servers on an etcd of yours"}, otherwise)
	if err != nil {
		return err
	}
	if w.options.HA = chosen == 1; !w.options.HA {
		w.options.EtcdServers = nil
		return nil
	}
	w.options.EtcdServers, err = w.list(ctx, "URLs of etcd, comma separated", w.options.EtcdServers, func(urls []string) error {
		return w.check(func(o *install.Options) { o.EtcdServers = urls })
	})
	if err == nil {
		w.warnWithout(ctx, "restage-etcd-client", "ca.crt, tls.crt and tls.key, with which the servers reach etcd")
	}
	return err
}

func (w *wizard) askImages(ctx context.Context) (err error) {
	w.heading("Images", "A cluster that may not pull from the public registry takes copies of all images from yours.")
	w.options.Registry, err = w.text(ctx, "Your registry, such as registry.example/mirror", w.options.Registry, func(registry string) error {
		return w.check(func(o *install.Options) { o.Registry = registry })
	})
	if err != nil {
		return err
	}
	w.options.ImagePullSecrets, err = w.list(ctx, "Secrets to pull with, comma separated", w.options.ImagePullSecrets, func(names []string) error {
		return w.check(func(o *install.Options) { o.ImagePullSecrets = names })
	})
	for _, name := range w.options.ImagePullSecrets {
		w.warnWithout(ctx, name, "the credentials, here and in the namespaces of workloads that are recorded")
	}
	return err
}

// askMonitoring asks where there is something that monitors.
func (w *wizard) askMonitoring(ctx context.Context) error {
	_, err := w.kube.Discovery().ServerResourcesForGroupVersion("monitoring.coreos.com/v1")
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the kinds of the Prometheus operator: %w", err)
	}
	w.heading("Monitoring", "The cluster has the Prometheus operator. It can scrape Restage and alert of it, and there is a dashboard for Grafana.")
	w.options.Monitoring, err = w.confirm(ctx, "Have Restage monitored?", w.options.Monitoring)
	return err
}

// warnWithout tells that a Secret must be made before the pods can start.
func (w *wizard) warnWithout(ctx context.Context, name, what string) {
	if _, err := w.kube.CoreV1().Secrets(w.options.Namespace).Get(ctx, name, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		w.warn(strings.Join([]string{"The Secret", name, "is not in the namespace", w.options.Namespace, "yet. Make it before the pods can start, with", what + "."}, " "))
	}
}
