// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/yaml"

	"github.com/restage-dev/restage/pkg/protocol/descriptor"
	"github.com/restage-dev/restage/pkg/protocol/grpc/grpctest"
	"github.com/restage-dev/restage/pkg/wiring"
)

// serve runs a real server, whose services are added by register, until the test ends.
func serve(t *testing.T, register ...func(*grpc.Server)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	for _, add := range register {
		add(server)
	}
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func v1(s *grpc.Server) {
	reflectionv1.RegisterServerReflectionServer(s, reflection.NewServerV1(reflection.ServerOptions{Services: s}))
}

func v1alpha(s *grpc.Server) {
	reflectionv1alpha.RegisterServerReflectionServer(s, reflection.NewServer(reflection.ServerOptions{Services: s}))
}

func withHealth(s *grpc.Server) { healthpb.RegisterHealthServer(s, health.NewServer()) }

// descriptors runs the command.
func descriptors(t *testing.T, args ...string) (string, error) {
	t.Helper()
	streams, _, out, _ := genericiooptions.NewTestIOStreams()
	cmd := newDescriptors(streams)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestDescriptorsOfServers(t *testing.T) {
	for name, addresses := range map[string][]string{
		"v1":      {serve(t, grpctest.Register, withHealth, v1)},
		"v1alpha": {serve(t, grpctest.Register, withHealth, v1alpha)},
		"two":     {serve(t, grpctest.Register, v1), serve(t, withHealth, v1alpha)},
	} {
		out, err := descriptors(t, "orders", "--address="+strings.Join(addresses, ","))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var object corev1.ConfigMap
		if err := yaml.UnmarshalStrict([]byte(out), &object); err != nil || object.Kind != "ConfigMap" || object.Name != "orders" || strings.Contains(out, "creationTimestamp") {
			t.Errorf("%s: error %v in %.200s", name, err, out)
		}
		types, err := descriptor.Parse(object.BinaryData[wiring.DescriptorSetKey])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, path := range []string{"/grpc.testing.TestService/UnaryCall", "/grpc.health.v1.Health/Check"} {
			if types.Request(path) == nil {
				t.Errorf("%s: nothing is known of %s", name, path)
			}
		}
		if types.Request("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo") != nil {
			t.Errorf("%s: the types of reflection itself are of no use", name)
		}
	}
}

func TestDescriptorsRefuses(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	plain := serve(t, grpctest.Register)
	for want, args := range map[string][]string{
		`NAME "Orders"`:                       {"Orders", "--address", plain},
		"--address: must name a gRPC server":  {"orders"},
		`--address "localhost": must be HOST`: {"orders", "--address", "localhost"},
		`--address ":80": must be HOST`:       {"orders", "--address", ":80"},
		"the server at " + plain + " has no reflection: it implements none of grpc.reflection.v1.": {"orders", "--address", plain},
		"asking the server at " + silent.Addr().String():                                           {"orders", "--timeout", (100 * time.Millisecond).String(), "--address", silent.Addr().String()},
		"without files": {"orders", "--address", serve(t, v1)},
	} {
		if out, err := descriptors(t, args...); err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%v: printed %q, error %v, want %q", args, out, err, want)
		}
	}
}
