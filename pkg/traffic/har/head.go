// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package har

import (
	"cmp"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/restage-dev/restage/pkg/traffic/trafficpb"
)

// head is the first line of a message, in its three words, and its headers.
type head struct {
	first, second, third string
	headers              []pair
}

// parseHead splits a head. A line that is no header has no name.
func parseHead(raw []byte) head {
	h := head{headers: []pair{}}
	for n, line := range strings.Split(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n") {
		if n == 0 {
			h.first, h.second, _ = strings.Cut(line, " ")
			h.second, h.third, _ = strings.Cut(h.second, " ")
			continue
		}
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			name, value = "", line
		}
		h.headers = append(h.headers, pair{name, strings.Trim(value, " \t")})
	}
	return h
}

// get returns the first header of that name.
func (h head) get(name string) string {
	for _, header := range h.headers {
		if strings.EqualFold(header.Name, name) {
			return header.Value
		}
	}
	return ""
}

func joinRequestHead(r *request) []byte {
	target := r.Target
	if target == "" {
		target = targetOf(r.URL)
	}
	return joinHead(r.Method, target, r.HTTPVersion, r.Headers)
}

func joinResponseHead(r *response) []byte {
	status := ""
	if r.Status != 0 {
		status = strconv.FormatInt(r.Status, 10)
	}
	return joinHead(r.HTTPVersion, status, r.StatusText, r.Headers)
}

// joinHead writes a head in the usual way; one without a first word is none.
func joinHead(first, second, third string, headers []pair) []byte {
	if first == "" {
		return nil
	}
	var b strings.Builder
	b.WriteString(first + " " + second)
	if third != "" {
		b.WriteString(" " + third)
	}
	b.WriteString("\r\n")
	for _, header := range headers {
		if header.Name != "" {
			b.WriteString(header.Name + ": ")
		}
		b.WriteString(header.Value + "\r\n")
	}
	b.WriteString("\r\n")
	return []byte(b.String())
}

// urlOf returns the URL of a request, and its target when that cannot be told from the URL.
func urlOf(r *trafficpb.Record, h head) (address, target string) {
	host := h.get("Host")
	if host == "" {
		name := r.GetHost()
		if name == "" {
			name = r.GetWorkload()
		}
		host = net.JoinHostPort(name, strconv.FormatUint(uint64(r.GetPort()), 10))
	}
	scheme := cmp.Or(r.GetScheme(), "http")
	address = scheme + "://" + host + h.second
	if !strings.HasPrefix(h.second, "/") {
		address = scheme + "://" + host + "/"
	}
	if targetOf(address) != h.second {
		target = h.second
	}
	return address, target
}

// targetOf returns what the first line of a request for a URL says, "/" for one that is no URL.
func targetOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "/"
	}
	return parsed.RequestURI()
}

func queryOf(address string) []pair {
	pairs := []pair{}
	parsed, err := url.Parse(address)
	if err != nil {
		return pairs
	}
	for part := range strings.SplitSeq(parsed.RawQuery, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{unescape(name), unescape(value)})
	}
	return pairs
}

func unescape(text string) string {
	if plain, err := url.QueryUnescape(text); err == nil {
		return plain
	}
	return text
}

// serverAddress is the address of the side that answered, as far as it is known: of a request that the workload got it is
// not.
func serverAddress(r *trafficpb.Record) string {
	if r.GetDirection() != trafficpb.Direction_DIRECTION_OUTBOUND {
		return ""
	}
	host, _, err := net.SplitHostPort(r.GetPeerAddress())
	if err != nil {
		return ""
	}
	return host
}
