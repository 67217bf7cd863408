// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/apiserver/pkg/admission"
	genericinitializer "k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	genericoptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/informers"
	kubefake "k8s.io/client-go/kubernetes/fake"

	"github.com/restage-dev/restage/pkg/admission/initializer"
	"github.com/restage-dev/restage/pkg/admission/lookup"
	"github.com/restage-dev/restage/pkg/admission/workload"
	"github.com/restage-dev/restage/pkg/generated/clientset/versioned/fake"
)

// ours are the plugins of this repository.
var ours = []string{"WatchedNamespaces", "DefaultEnvironmentClass", "WorkloadAccess", "SidecarInjection", "ReferenceValidation", "ReplayLimits"}

func options() *genericoptions.AdmissionOptions {
	o := genericoptions.NewAdmissionOptions()
	Register(o.Plugins)
	o.RecommendedPluginOrder = Order()
	return o
}

func TestOrder(t *testing.T) {
	for _, pair := range [][2]string{
		{"NamespaceLifecycle", "DefaultEnvironmentClass"},
		{"WatchedNamespaces", "WorkloadAccess"},         // which may read workloads in watched namespaces only
		{"DefaultEnvironmentClass", "SidecarInjection"}, // which reads the class
		{"WorkloadAccess", "SidecarInjection"},          // which reads workloads for the caller
		{"WorkloadAccess", "ReferenceValidation"},
		{"SidecarInjection", "MutatingAdmissionPolicy"}, // which sees what will be stored
		{"MutatingAdmissionPolicy", "MutatingAdmissionWebhook"},
		{"ReferenceValidation", "ValidatingAdmissionPolicy"},
		{"ValidatingAdmissionWebhook", "ReplayLimits"}, // which counts what the others let pass
		{"ReplayLimits", "ResourceQuota"},
	} {
		before, after := slices.Index(order, pair[0]), slices.Index(order, pair[1])
		if before < 0 || after < 0 || before >= after {
			t.Errorf("%s is at %d, %s at %d", pair[0], before, pair[1], after)
		}
	}
	if Order()[len(order)-1] != "ResourceQuota" {
		t.Errorf("the last is %s", Order()[len(order)-1])
	}
	if errs := options().Validate(); len(errs) > 0 {
		t.Errorf("what is registered is not what is ordered: %v", errs)
	}
}

func TestOursAreOnByDefault(t *testing.T) {
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	options().AddFlags(flags)
	usage := flags.Lookup("disable-admission-plugins").Usage
	_, usage, _ = strings.Cut(usage, "(")
	on, _, _ := strings.Cut(usage, ")")
	for _, name := range ours {
		if !slices.Contains(strings.Split(on, ", "), name) {
			t.Errorf("%s is not among the plugins that are on by default: %s", name, on)
		}
	}
}

// A configuration that would be without effect is refused.
func TestConfigurationOfPlugins(t *testing.T) {
	for _, name := range ours {
		_, err := options().Plugins.InitPlugin(name, strings.NewReader("limit: 3"), admission.PluginInitializers{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s with an unknown configuration: error %v", name, err)
		}
	}
}

// Every plugin of ours gets all that it wants, from the initializer of the library and our own.
func TestPluginsGetWhatTheyWant(t *testing.T) {
	host := kubefake.NewClientset()
	generic := genericinitializer.New(host, nil, informers.NewSharedInformerFactory(host, 0), authorizerfactory.NewAlwaysAllowAuthorizer(), nil, nil, nil, nil)
	own := initializer.Initializer{
		Reader: lookup.Reader{Client: fake.NewSimpleClientset()}, Workloads: workload.Source{Client: host}, ProxyImage: "restage/proxy:test",
	}
	for _, name := range ours {
		if _, err := options().Plugins.InitPlugin(name, nil, admission.PluginInitializers{generic, own}); err != nil {
			t.Error(err)
		}
		if _, err := options().Plugins.InitPlugin(name, nil, admission.PluginInitializers{}); err == nil {
			t.Errorf("%s starts without what it wants", name)
		}
	}
}
