// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation"
	genericoptions "k8s.io/apiserver/pkg/server/options"

	"github.com/restage-dev/restage/pkg/admission"
	"github.com/restage-dev/restage/pkg/apis/replay"
	"github.com/restage-dev/restage/pkg/apiserver/etcd"
	"github.com/restage-dev/restage/pkg/certs"
	"github.com/restage-dev/restage/pkg/wiring"
)

const (
	// ServiceName is the name of the Service in front of the server.
	ServiceName = "restage-apiserver"
	// CAName is the name of the Secret with the server's CA and of the ConfigMap with its public part.
	CAName = "restage-apiserver-ca"

	etcdPrefix = "/registry/" + replay.GroupName

	defaultPort = 8443
	// defaultShutdownDelay lets the endpoints of the Service drop us before the listener closes.
	defaultShutdownDelay = 5 * time.Second
	// defaultWatchGrace ends watches at shutdown. Without it the server waits for a minute for clients that watch for ever, and the
	// pod is killed.
	defaultWatchGrace = 5 * time.Second
)

// Options are the settings of the server.
type Options struct {
	*genericoptions.RecommendedOptions
	ServerRun *genericoptions.ServerRunOptions
	// EmbeddedEtcd is used unless --etcd-servers names another.
	EmbeddedEtcd etcd.Options
	Backup       BackupOptions
	// Namespace that the server runs in.
	Namespace string
	// ProxyImage is added to the pods of environments.
	ProxyImage string
	// ImagePullSecrets are names of Secrets that the pods of environments pull images with.
	ImagePullSecrets []string
	// WatchNamespaces are those in which objects may be made; none means all.
	WatchNamespaces []string
	// ImagePullPolicy of the proxy in pods that it is added to as they are made.
	ImagePullPolicy string
	// Injection is one of wiring.Injections.
	Injection string
	Forwarder ForwarderOptions
	// Certificates that are made where no files are given.
	Certificates certs.Lifetimes

	api    API
	codecs serializer.CodecFactory
}

// ForwarderOptions say how to reach the forwarder.
type ForwarderOptions struct {
	Address   string // host:port
	CAFile    string // read at each handshake
	TokenFile string // read at each call
}

// NewOptions returns the defaults.
func NewOptions() *Options {
	return NewOptionsFor(restageAPI())
}

// NewOptionsFor returns the defaults of a server of the API.
func NewOptionsFor(api API) *Options {
	codecs := serializer.NewCodecFactory(api.Scheme)
	o := &Options{
		RecommendedOptions: genericoptions.NewRecommendedOptions(etcdPrefix, codecs.LegacyCodec(api.Scheme.PrioritizedVersionsForGroup(replay.GroupName)...)),
		ServerRun:          genericoptions.NewServerRunOptionsForComponent(ComponentName, newComponents(api.Release)),
		EmbeddedEtcd:       etcd.Options{DataDir: defaultDataDir, QuotaBytes: defaultQuota},
		Backup:             defaultBackup(),
		Namespace:          cmp.Or(os.Getenv("POD_NAMESPACE"), "restage-system"),
		ProxyImage:         "restage/proxy",
		ImagePullPolicy:    string(corev1.PullIfNotPresent),
		Injection:          wiring.InjectionWorkload,
		Forwarder:          ForwarderOptions{CAFile: wiring.ForwarderCA, TokenFile: wiring.ForwarderToken},
		api:                api,
		codecs:             codecs,
	}
	o.SecureServing.BindPort = defaultPort
	o.ServerRun.ShutdownDelayDuration = defaultShutdownDelay
	o.ServerRun.ShutdownWatchTerminationGracePeriod = defaultWatchGrace
	// Clients of a server that ends are told to try again, which client-go does, instead of finding no listener.
	o.ServerRun.ShutdownSendRetryAfter = true
	admission.Register(o.Admission.Plugins)
	o.Admission.RecommendedPluginOrder = admission.Order()
	return o
}

// AddFlags adds all flags of the server.
func (o *Options) AddFlags(flags *pflag.FlagSet) {
	generic := pflag.NewFlagSet("generic", pflag.ContinueOnError)
	o.RecommendedOptions.AddFlags(generic)
	o.ServerRun.AddUniversalFlags(generic)
	generic.VisitAll(func(flag *pflag.Flag) {
		if !withoutEffect[flag.Name] {
			flags.AddFlag(flag)
		}
	})
	o.addStorageFlags(flags)
	o.Certificates.AddFlag(flags)
	flags.StringVar(&o.Namespace, "namespace", o.Namespace,
		"Namespace that the server runs in, where its CA and the ID of its store are kept. Default is the environment variable POD_NAMESPACE.")
	flags.StringVar(&o.ProxyImage, "proxy-image", o.ProxyImage,
		"Image of restage-proxy, which is compiled into the pods of environments.")
	flags.StringSliceVar(&o.ImagePullSecrets, "image-pull-secrets", o.ImagePullSecrets,
		"Names of Secrets that are compiled into the pods of environments to pull images with; they must be in the namespaces of the environments.")
	flags.StringSliceVar(&o.WatchNamespaces, "watch-namespaces", o.WatchNamespaces,
		"Namespaces in which the controller works; nothing can be made in others. Default is all.")
	flags.StringVar(&o.ImagePullPolicy, "image-pull-policy", o.ImagePullPolicy,
		"How the proxy's image is pulled in pods that the proxy is added to as they are made: Always, IfNotPresent or Never. In environments it is as their class says.")
	flags.StringVar(&o.Injection, "injection", o.Injection,
		"As of the controller. With manual, which leaves workloads as they are, the right to read a workload is enough to make a TrafficCapture of it; "+
			"with webhook and policy it takes the right to create pods in its namespace besides. With webhook kube-apiserver is told what to add to pods.")
	flags.StringVar(&o.Forwarder.Address, "forwarder-address", o.Forwarder.Address,
		fmt.Sprintf("Address, host:port, of restage-forwarder. Default is its Service in the server's namespace, port %d.", wiring.ForwarderPort))
	flags.StringVar(&o.Forwarder.CAFile, "forwarder-ca-file", o.Forwarder.CAFile,
		"File with the CA certificates of the forwarder, read again for each connection.")
	flags.StringVar(&o.Forwarder.TokenFile, "forwarder-token-file", o.Forwarder.TokenFile,
		fmt.Sprintf("File with a service account token for the audience %s, read again for each call.", wiring.ForwarderAudience))
}

// withoutEffect are flags of the generic options that nothing here reads, or that must not be changed.
var withoutEffect = map[string]bool{
	"advertise-address":      true, // kube-apiserver finds us by our Service
	"cert-dir":               true, // the certificate is kept in memory
	"etcd-servers-overrides": true,
	"storage-media-type":     true, // our types have no form but JSON

	"runtime-config-emulation-forward-compatible": true, // there is no --runtime-config
}

// complete fills in what depends on other settings.
func (o *Options) complete() {
	if o.Forwarder.Address == "" {
		o.Forwarder.Address = net.JoinHostPort("restage-forwarder."+o.Namespace+".svc", strconv.Itoa(wiring.ForwarderPort))
	}
	if kubeconfig := o.CoreAPI.CoreAPIKubeconfigPath; kubeconfig != "" {
		if o.Authentication != nil && o.Authentication.RemoteKubeConfigFile == "" {
			o.Authentication.RemoteKubeConfigFile = kubeconfig
		}
		if o.Authorization != nil && o.Authorization.RemoteKubeConfigFile == "" {
			o.Authorization.RemoteKubeConfigFile = kubeconfig
		}
	}
}

// embedded tells whether the embedded etcd is to run.
func (o *Options) embedded() bool {
	return len(o.Etcd.StorageConfig.Transport.ServerList) == 0
}

// Validate returns all that is wrong with the settings.
func (o *Options) Validate() error {
	errs := append(o.ServerRun.Validate(), o.SecureServing.Validate()...)
	errs = append(errs, o.Authentication.Validate()...)
	errs = append(errs, o.Authorization.Validate()...)
	errs = append(errs, o.Audit.Validate()...)
	errs = append(errs, o.Features.Validate()...)
	errs = append(errs, o.Admission.Validate()...)
	errs = append(errs, o.EgressSelector.Validate()...)
	errs = append(errs, o.Traces.Validate()...)
	errs = append(errs, o.validateStorage()...)
	for flag, value := range map[string]string{"namespace": o.Namespace, "proxy-image": o.ProxyImage} {
		if value == "" {
			errs = append(errs, fmt.Errorf("--%s must not be empty", flag))
		}
	}
	for _, list := range []struct {
		flag   string
		values []string
		valid  func(string) []string
	}{
		{"image-pull-secrets", o.ImagePullSecrets, validation.IsDNS1123Subdomain},
		{"watch-namespaces", o.WatchNamespaces, validation.IsDNS1123Label},
	} {
		for _, value := range list.values {
			if problems := list.valid(value); len(problems) > 0 {
				errs = append(errs, fmt.Errorf("--%s: %q: %s", list.flag, value, strings.Join(problems, "; ")))
			}
		}
	}
	pulls := []string{string(corev1.PullAlways), string(corev1.PullIfNotPresent), string(corev1.PullNever)}
	for _, choice := range []struct {
		flag, value string
		allowed     []string
	}{{"injection", o.Injection, wiring.Injections()}, {"image-pull-policy", o.ImagePullPolicy, pulls}} {
		if !slices.Contains(choice.allowed, choice.value) {
			errs = append(errs, fmt.Errorf("--%s: %q: must be one of %s", choice.flag, choice.value, strings.Join(choice.allowed, ", ")))
		}
	}
	if _, _, err := net.SplitHostPort(o.Forwarder.Address); o.Forwarder.Address != "" && err != nil {
		errs = append(errs, fmt.Errorf("--forwarder-address: %q must be host:port: %w", o.Forwarder.Address, err))
	}
	return errors.Join(errs...)
}
