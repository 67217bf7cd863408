// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/klog/v2"
)

const (
	cachedTokens   = 8192
	cachedAccesses = 8192
	tokenLifetime  = time.Minute
	// answerLifetime holds for refused tokens and for all answers about rights.
	answerLifetime = 10 * time.Second
	maxTokenBytes  = 16 << 10
	reviewTimeout  = 10 * time.Second
)

// Guard stands before the services: it authenticates each call, and answers what the caller may do.
type Guard struct {
	reviewer Reviewer
	tokens   *cache.LRUExpireCache // by hash of the token; values are *Identity, nil when refused
	accesses *cache.LRUExpireCache // by hash of identity and access; values are answer
}

type answer struct {
	allowed bool
	reason  string
}

// NewGuard returns a guard that asks the reviewer and remembers its answers for a short time.
func NewGuard(reviewer Reviewer) *Guard {
	return &Guard{
		reviewer: reviewer,
		tokens:   cache.NewLRUExpireCache(cachedTokens),
		accesses: cache.NewLRUExpireCache(cachedAccesses),
	}
}

type identityKey struct{}

// Caller returns who called. There always is one behind the interceptors of a guard.
func Caller(ctx context.Context) *Identity {
	return ctx.Value(identityKey{}).(*Identity)
}

// Unary is an interceptor that lets only authenticated calls through.
func (g *Guard) Unary(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, err := g.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	return handler(ctx, request)
}

// Stream is an interceptor that lets only authenticated calls through.
func (g *Guard) Stream(server any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := g.authenticate(stream.Context())
	if err != nil {
		return err
	}
	return handler(server, authenticatedStream{ServerStream: stream, ctx: ctx})
}

type authenticatedStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s authenticatedStream) Context() context.Context { return s.ctx }

func (g *Guard) authenticate(ctx context.Context) (context.Context, error) {
	token, err := bearerToken(ctx)
	if err != nil {
		return nil, err
	}
	identity, err := g.identify(ctx, token)
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, identityKey{}, identity), nil
}

func bearerToken(ctx context.Context) (string, error) {
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		return "", status.Error(codes.Unauthenticated, "the call has no bearer token")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" || len(token) > maxTokenBytes {
		return "", status.Errorf(codes.Unauthenticated, "metadata authorization is not a bearer token of at most %d bytes", maxTokenBytes)
	}
	return token, nil
}

func (g *Guard) identify(ctx context.Context, token string) (*Identity, error) {
	key := sha256.Sum256([]byte(token))
	cached, ok := g.tokens.Get(key)
	if !ok {
		reviewing, cancel := context.WithTimeout(ctx, reviewTimeout)
		defer cancel()
		identity, known, err := g.reviewer.ReviewToken(reviewing, token)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Reviewing a token failed")
			return nil, status.Error(codes.Unavailable, "the token could not be reviewed")
		}
		if known {
			cached = &identity
			g.tokens.Add(key, cached, tokenLifetime)
		} else {
			cached = (*Identity)(nil)
			g.tokens.Add(key, cached, answerLifetime)
		}
	}
	identity := cached.(*Identity)
	if identity == nil {
		return nil, status.Error(codes.Unauthenticated, "the token is not valid for restage-forwarder")
	}
	return identity, nil
}

// Check returns nil when the caller may, else a status that says what is missing.
func (g *Guard) Check(ctx context.Context, access Access) error {
	user := Caller(ctx)
	question, err := json.Marshal(struct {
		User   *Identity
		Access Access
	}{user, access})
	if err != nil {
		return status.Errorf(codes.Internal, "asking for access: %v", err)
	}
	key := sha256.Sum256(question)
	cached, ok := g.accesses.Get(key)
	if !ok {
		reviewing, cancel := context.WithTimeout(ctx, reviewTimeout)
		defer cancel()
		allowed, reason, err := g.reviewer.ReviewAccess(reviewing, *user, access)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Reviewing access failed", "user", user.User, "access", access.String())
			return status.Error(codes.Unavailable, "the right to do that could not be reviewed")
		}
		cached = answer{allowed: allowed, reason: reason}
		g.accesses.Add(key, cached, answerLifetime)
	}
	if a := cached.(answer); !a.allowed {
		message := fmt.Sprintf("user %q cannot %s", user.User, access)
		if a.reason != "" {
			message += ": " + a.reason
		}
		return status.Error(codes.PermissionDenied, message)
	}
	return nil
}
