// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	user "github.com/restage-dev/restage/test/terminal"
)

const soon = 30 * time.Second

// open returns the user's end of a terminal, and the wizard's.
func open(t *testing.T) (*user.Terminal, *terminal) {
	t.Helper()
	t.Setenv("NO_COLOR", "")
	person, program := user.Open(t)
	opened, err := openTerminal(genericiooptions.IOStreams{In: program, Out: program})
	require.NoError(t, err)
	return person, opened
}

func TestConfirm(t *testing.T) {
	for name, test := range map[string]struct {
		answers   []string
		otherwise bool
		want      bool
	}{
		"Enter is the default":     {[]string{""}, true, true},
		"Enter is the default, no": {[]string{""}, false, false},
		"yes":                      {[]string{"Yes"}, false, true},
		"no":                       {[]string{"n"}, true, false},
		"asked again":              {[]string{"maybe", "y"}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			person, wizard := open(t)
			go func() {
				for i, answer := range test.answers {
					if i > 0 {
						person.Expect(soon, "must be y or n")
					}
					person.Expect(soon, "Sure? [")
					person.Answer(answer)
				}
			}()
			yes, err := wizard.confirm(t.Context(), "Sure?", test.otherwise)
			require.NoError(t, err)
			require.Equal(t, test.want, yes)
		})
	}
}

func TestChoose(t *testing.T) {
	person, wizard := open(t)
	go func() {
		person.Expect(soon, " 2  two")
		person.Expect(soon, "1-2 [2]: ")
		person.Answer("3")
		person.Expect(soon, `"3": must be a number from 1 to 2`)
		person.Answer("one")
		person.Expect(soon, "1-2 [2]: ")
		person.Expect(soon, "1-2 [2]: ")
		person.Answer("")
	}()
	for _, want := range []int{0, 1} {
		chosen, err := wizard.choose(t.Context(), []string{"one", "two"}, 1)
		require.NoError(t, err)
		require.Equal(t, want, chosen)
	}
}

func TestTextIsCheckedAtOnce(t *testing.T) {
	person, wizard := open(t)
	go func() {
		person.Expect(soon, "Name [ours]: ")
		person.Answer("bad")
		person.Expect(soon, "✗ bad is not allowed")
		person.Expect(soon, "Name [ours]: ")
		person.Answer("goof\x7fd") // the last letter is taken back
		person.Expect(soon, "Name [ours]: ")
		person.Answer("none")
	}()
	check := func(text string) error {
		if text == "bad" {
			return errors.New("bad is not allowed")
		}
		return nil
	}
	for _, want := range []string{"good", ""} {
		text, err := wizard.text(t.Context(), "Name", "ours", check)
		require.NoError(t, err)
		require.Equal(t, want, text)
	}
}

func TestList(t *testing.T) {
	person, wizard := open(t)
	go func() {
		person.Expect(soon, "Names [a,b]: ")
		person.Answer("c, d,,e")
	}()
	list, err := wizard.list(t.Context(), "Names", []string{"a", "b"}, func([]string) error { return nil })
	require.NoError(t, err)
	require.Equal(t, []string{"c", "d", "e"}, list)
}

// The terminal is as before when a question is left, by the user or because the program is to end.
func TestInterrupt(t *testing.T) {
	for name, leave := range map[string]func(person *user.Terminal, cancel func()){
		"Ctrl-C":  func(person *user.Terminal, _ func()) { person.Type("\x03") },
		"Ctrl-D":  func(person *user.Terminal, _ func()) { person.Type("\x04") },
		"context": func(_ *user.Terminal, cancel func()) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			person, wizard := open(t) // what was left of a question is not to answer the next
			before, err := term.GetState(int(wizard.in.Fd()))
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				person.Expect(soon, "Sure? [y/N]: ")
				leave(person, cancel)
			}()
			_, err = wizard.confirm(ctx, "Sure?", false)
			require.ErrorIs(t, err, errInterrupted)
			after, err := term.GetState(int(wizard.in.Fd()))
			require.NoError(t, err)
			require.Equal(t, before, after)
		})
	}
}

func TestNoTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer null.Close()
	for _, streams := range []genericiooptions.IOStreams{
		{In: strings.NewReader(""), Out: os.Stdout},
		{In: null, Out: os.Stdout},
	} {
		_, err := openTerminal(streams)
		require.ErrorContains(t, err, "standard input is not a terminal")
		require.ErrorContains(t, err, "kubectl restage install | kubectl apply -f -")
	}
	_, program := user.Open(t)
	_, err = openTerminal(genericiooptions.IOStreams{In: program, Out: &strings.Builder{}})
	require.ErrorContains(t, err, "standard output is not a terminal")
}
