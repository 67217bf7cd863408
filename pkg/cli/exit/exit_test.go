// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package exit

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCode(t *testing.T) {
	err := errors.New("no")
	require.Equal(t, OK, Code(nil))
	require.NoError(t, With(Failed, nil))
	require.Equal(t, Unable, Code(err))
	require.Equal(t, Failed, Code(fmt.Errorf("wrapped: %w", With(Failed, err))))
	require.ErrorIs(t, With(Failed, err), err)
	require.Equal(t, Failed, Code(Silently(Failed)))
	require.Empty(t, Silently(Failed).Error())
}
