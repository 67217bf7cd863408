// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

// Package running tests the server as a process: killed, restarted, backed up, restored, and as one of three on an etcd of
// their own. The processes are this test's binary, run again.
package running

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapiserver "k8s.io/apiserver/pkg/server"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/component-base/cli"
	aggregatorfake "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"

	"github.com/restage-dev/restage/pkg/apiserver"
)

const (
	namespace = "shop"
	// processVariable names what this binary is to be, instead of a test.
	processVariable = "RESTAGE_TEST_PROCESS"
)

// kills is how often each of the tests with kill -9 kills. make soak has them do it 100 times.
var kills = flag.Int("kills", 10, "how often the server, and its etcd, is killed in the middle of writes")

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(processVariable) {
	case "":
		os.Exit(m.Run())
	case "command":
		os.Exit(cli.Run(apiserver.NewCommand(context.Background())))
	case "server":
		err = serve(genericapiserver.SetupSignalContext())
	case "etcd":
		err = serveEtcd(genericapiserver.SetupSignalContext())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// serve is restage-apiserver with its flags. Only its host is client-go's fake, and everyone may do everything.
func serve(ctx context.Context) error {
	o := apiserver.NewOptions()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	o.AddFlags(flags)
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	o.Authentication, o.Authorization = nil, nil
	if err := o.Validate(); err != nil {
		return err
	}
	forwarder, err := grpc.NewClient("unix:///nowhere", grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer forwarder.Close()
	host := fake.NewClientset(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	return o.Serve(ctx, &apiserver.Host{
		Client: host, Dynamic: dynamicfake.NewSimpleDynamicClient(clientscheme.Scheme), Registrations: aggregatorfake.NewClientset(),
		Informers: informers.NewSharedInformerFactory(host, 0),
	}, forwarder)
}
