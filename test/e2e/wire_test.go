// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/restage-dev/restage/test/kube"
)

// wire is a capture of everything that passes the interfaces of the first node.
type wire struct {
	tcpdump   *exec.Cmd
	path, log string
	own       map[uint32]bool // interfaces of the node that are no pod's
}

const (
	sll2         = 276 // the link type of packets of all interfaces, https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html
	sll2Header   = 20  // bytes
	keptOfPacket = 128 // bytes
)

// tapNode captures packets until stop. Those between the node's own processes are left out. The test is skipped without a throwaway cluster.
func tapNode(t *testing.T) *wire {
	t.Helper()
	if os.Getenv("CLUSTER") != "local" {
		t.Skip("watching a node needs hack/localcluster")
	}
	w := &wire{path: filepath.Join(t.TempDir(), "pcap"), log: filepath.Join(t.TempDir(), "log"), own: map[uint32]bool{}}
	for line := range strings.Lines(onNode(t, "sh", "-c", "cd /sys/class/net && grep -H . */ifindex")) { // eth0/ifindex:2
		name, index, _ := strings.Cut(strings.TrimSpace(line), "/ifindex:")
		if number, err := strconv.ParseUint(index, 10, 32); err == nil && !strings.HasPrefix(name, "veth") {
			w.own[uint32(number)] = true
		}
	}
	node := kube.Kubectl(t, "get", "nodes", "-o", `jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}`)
	packets, err := os.Create(w.path)
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	log, err := os.Create(w.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w.tcpdump = exec.CommandContext(t.Context(), nodeScript, "1", "tcpdump", "-i", "any", "-y", "LINUX_SLL2", "-s", strconv.Itoa(keptOfPacket), "-B", "32768",
		"-n", "-U", "-w", "-", fmt.Sprintf("not net 127.0.0.0/8 and not (src host %[1]s and dst host %[1]s)", node))
	w.tcpdump.Stdout, w.tcpdump.Stderr = packets, log
	if err := w.tcpdump.Start(); err != nil {
		t.Fatal(err)
	}
	kube.Eventually(t, 10*time.Second, "tcpdump listens", func() (bool, string) {
		said, err := os.ReadFile(w.log)
		return bytes.Contains(said, []byte("listening on")), fmt.Sprint(string(said), err)
	})
	return w
}

const nodeScript = "../../hack/localcluster/node.sh"

// onNode runs a command on the first node of the throwaway cluster.
func onNode(t *testing.T, args ...string) string {
	t.Helper()
	out, err := kube.Run(t.Context(), "", nodeScript, append([]string{"1"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stop ends the capture and returns what passed the interfaces of pods, in order. Nothing may have been missed.
func (w *wire) stop(t *testing.T) []packet {
	t.Helper()
	if err := w.tcpdump.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = w.tcpdump.Wait() // its status says only that it was ended
	said, err := os.ReadFile(w.log)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(said, []byte("\n0 packets dropped by kernel")) {
		t.Errorf("the capture is not complete: %s", said)
	}
	data, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	packets, err := parseCapture(data)
	if err != nil {
		t.Fatal(err)
	}
	var ofPods []packet
	for _, p := range packets {
		if !w.own[p.device] {
			ofPods = append(ofPods, p)
		}
	}
	return ofPods
}

// packet is what was seen of one.
type packet struct {
	at       time.Time
	device   uint32 // the node's end of the pod's link
	toPod    bool
	kind     uint16 // EtherType
	from, to netip.AddrPort
	protocol byte // of IP
	flags    byte // of TCP
	first    byte // of what is after the header of IP: the type of ICMP
}

const (
	flagSYN = 0x02
	flagACK = 0x10
)

func (p packet) String() string {
	way := "from"
	if p.toPod {
		way = "to"
	}
	return fmt.Sprintf("%s %s the pod: type %#x, %s > %s, protocol %d, flags %#x, type or first byte %d", p.at.Format("15:04:05.000"), way, p.kind, p.from, p.to, p.protocol, p.flags, p.first)
}

// parseCapture reads a file of libpcap that was written on this machine.
func parseCapture(data []byte) ([]packet, error) {
	const fileHeader, packetHeader = 24, 16
	order := binary.NativeEndian
	if len(data) < fileHeader || order.Uint32(data) != 0xa1b2c3d4 || order.Uint32(data[20:]) != sll2 {
		return nil, fmt.Errorf("no capture of link type %d: % x", sll2, data[:min(len(data), fileHeader)])
	}
	var packets []packet
	for rest := data[fileHeader:]; len(rest) >= packetHeader; {
		size := int(order.Uint32(rest[8:]))
		if len(rest) < packetHeader+size || size < sll2Header {
			break // it was ended while it wrote
		}
		p := parsePacket(rest[packetHeader : packetHeader+size])
		p.at = time.Unix(int64(order.Uint32(rest)), int64(order.Uint32(rest[4:]))*1000)
		packets = append(packets, p)
		rest = rest[packetHeader+size:]
	}
	return packets, nil
}

func parsePacket(data []byte) packet {
	p := packet{kind: binary.BigEndian.Uint16(data), device: binary.BigEndian.Uint32(data[4:]), toPod: data[10] == unix.PACKET_OUTGOING}
	data = data[sll2Header:]
	var from, to netip.Addr
	switch {
	case p.kind == unix.ETH_P_IP && len(data) >= 20:
		from, to = netip.AddrFrom4([4]byte(data[12:])), netip.AddrFrom4([4]byte(data[16:]))
		p.protocol = data[9]
		data = data[min(int(data[0]&15)*4, len(data)):]
	case p.kind == unix.ETH_P_IPV6 && len(data) >= 40:
		from, to = netip.AddrFrom16([16]byte(data[8:])), netip.AddrFrom16([16]byte(data[24:]))
		p.protocol = data[6]
		data = data[40:]
		if p.protocol == unix.IPPROTO_HOPOPTS && len(data) >= 8 { // as reports of listeners have
			p.protocol, data = data[0], data[min(8+int(data[1])*8, len(data)):]
		}
	default:
		return p
	}
	var fromPort, toPort uint16
	if len(data) > 0 {
		p.first = data[0]
	}
	if (p.protocol == unix.IPPROTO_TCP || p.protocol == unix.IPPROTO_UDP) && len(data) >= 4 {
		fromPort, toPort = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	}
	if p.protocol == unix.IPPROTO_TCP && len(data) >= 14 {
		p.flags = data[13]
	}
	p.from, p.to = netip.AddrPortFrom(from, fromPort), netip.AddrPortFrom(to, toPort)
	return p
}
