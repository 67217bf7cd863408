// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// protocol in which requests are made.
type protocol string

const (
	http1 protocol = "HTTP/1.1"
	h2c   protocol = "h2c"
)

// h2Connections is how many connections the streams of HTTP/2 share.
const h2Connections = 4

// body of requests and of answers, of 1 KiB.
var body = func() []byte {
	text := `{"id":"order-4711","customer":{"name":"Ada","mail":"ada@example.com"},"items":[`
	for i := 0; len(text) < 980; i++ {
		text += fmt.Sprintf(`{"article":%d,"amount":2,"price":"19.90"},`, 1000+i)
	}
	text = strings.TrimSuffix(text, ",") + `],"note":"`
	return []byte(text + strings.Repeat("n", 1024-len(text)-2) + `"}`)
}()

// serveAnswers answers all requests, in both protocols, until it is closed.
func serveAnswers() (address string, closeServer func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Protocols: &protocols, ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = w.Write(body)
		}),
	}
	go func() { _ = server.Serve(listener) }() // it ends by being closed
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}

// client makes one request after another.
type client interface {
	exchange() error
	close()
}

// clients are as many as may wait for answers at once.
func (p protocol) clients(address string, number int) ([]client, error) {
	clients := make([]client, 0, number)
	if p == h2c {
		for len(clients) < number {
			clients = append(clients, newStreams(address, min(number-len(clients), number/h2Connections))...)
		}
		return clients, nil
	}
	for range number {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return nil, err
		}
		clients = append(clients, &plain{conn, bufio.NewReader(conn)})
	}
	return clients, nil
}

// plain is a connection of HTTP/1.1.
type plain struct {
	net.Conn
	in *bufio.Reader
}

var plainRequest = fmt.Appendf(nil, "POST /orders HTTP/1.1\r\nHost: back:9898\r\nAuthorization: Bearer abc\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
	len(body), body)

func (c *plain) exchange() error {
	if _, err := c.Write(plainRequest); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return err
	}
	return check(response)
}

func (c *plain) close() { _ = c.Conn.Close() }

// stream makes requests on a connection of HTTP/2 that it shares.
type stream struct {
	http *http.Client
	url  string
}

func newStreams(address string, number int) []client {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	shared := &http.Client{Transport: &http.Transport{Protocols: &protocols}}
	streams := make([]client, number)
	for i := range streams {
		streams[i] = &stream{shared, "http://" + address + "/orders"}
	}
	return streams
}

func (s *stream) exchange() error {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer abc")
	request.Header.Set("Content-Type", "application/json")
	response, err := s.http.Do(request)
	if err != nil {
		return err
	}
	return check(response)
}

func (s *stream) close() { s.http.CloseIdleConnections() }

// check reads the answer.
func check(response *http.Response) error {
	defer response.Body.Close()
	read, err := io.Copy(io.Discard, response.Body)
	if err == nil && (response.StatusCode != http.StatusOK || read != int64(len(body))) {
		err = fmt.Errorf("status %s with %d bytes", response.Status, read)
	}
	return err
}
