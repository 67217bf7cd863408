// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package wizard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/mitchellh/go-wordwrap"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
)

const (
	// maxWidth of text, which is hard to read in longer lines.
	maxWidth = 110
	// none is how an answer that may be left out is emptied.
	none = "none"
)

// errInterrupted is Ctrl-C, or the end of the input, at a question.
var errInterrupted = errors.New("interrupted")

// terminal asks questions, one a line: that works over every connection, is read well by screen readers and can be scripted by a
// pseudo-terminal.
type terminal struct {
	in    *os.File
	out   *os.File
	lines *term.Terminal
	color bool
}

// openTerminal fails when either end is not a terminal.
func openTerminal(streams genericiooptions.IOStreams) (*terminal, error) {
	in, ok := streams.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, errors.New("--wizard: standard input is not a terminal, which questions need; without questions: kubectl restage install | kubectl apply -f -")
	}
	out, ok := streams.Out.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) {
		return nil, errors.New("--wizard: standard output is not a terminal, which questions need; without questions: kubectl restage install | kubectl apply -f -")
	}
	both := struct {
		io.Reader
		io.Writer
	}{in, out}
	return &terminal{in: in, out: out, lines: term.NewTerminal(both, ""), color: printers.AllowsColorOutput(out)}, nil
}

// styles of text; a terminal without colours shows the text alone.
const (
	bold  = "1"
	faint = "2"
	red   = "31"
	green = "32"
	amber = "33"
)

func (t *terminal) style(style, text string) string {
	if !t.color || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (t *terminal) width() int {
	width, _, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width <= 0 {
		width = 80
	}
	return min(width, maxWidth)
}

// say prints text, wrapped, with each line indented.
func (t *terminal) say(indent int, style, text string) {
	room := max(t.width()-indent, 20)
	for line := range strings.Lines(wordwrap.WrapString(text, uint(room))) {
		fmt.Fprintln(t.out, strings.Repeat(" ", indent)+t.style(style, strings.TrimRight(line, "\n")))
	}
}

// item prints text whose further lines are indented more than the first.
func (t *terminal) item(indent int, text string) {
	const more = 4
	room := max(t.width()-indent-more, 20)
	first, rest, _ := strings.Cut(wordwrap.WrapString(text, uint(room)), "\n")
	t.say(indent, "", first)
	if rest != "" {
		t.say(indent+more, "", strings.ReplaceAll(rest, "\n", " "))
	}
}

func (t *terminal) line() { fmt.Fprintln(t.out) }

// heading begins a question or a part of the review.
func (t *terminal) heading(title, why string) {
	t.line()
	t.say(0, bold, title)
	if why != "" {
		t.say(2, faint, why)
	}
}

// warn tells what may go wrong and does not stop.
func (t *terminal) warn(text string) { t.say(2, amber, "! "+text) }

// read reads one line. While it does, the terminal is raw, so that the cursor can be moved in the line.
func (t *terminal) read(ctx context.Context, prompt string) (string, error) {
	if width, height, err := term.GetSize(int(t.out.Fd())); err == nil && width > 0 {
		_ = t.lines.SetSize(width, height) // for the wrapping of long lines
	}
	state, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return "", fmt.Errorf("preparing the terminal: %w", err)
	}
	defer func() { _ = term.Restore(int(t.in.Fd()), state) }()
	t.lines.SetPrompt("  " + prompt)
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		line, err := t.lines.ReadLine()
		answers <- answer{line, err}
	}()
	select {
	case <-ctx.Done(): // the reader is left behind: the program ends
		return "", errInterrupted
	case a := <-answers:
		if a.err == nil {
			return strings.TrimSpace(a.line), nil
		}
		fmt.Fprint(t.out, "\r\n")
		if errors.Is(a.err, io.EOF) {
			return "", errInterrupted
		}
		return "", fmt.Errorf("reading the answer: %w", a.err)
	}
}

// until asks until the answer is taken, and says each time why it is not.
func (t *terminal) until(ctx context.Context, prompt string, take func(answer string) error) error {
	for {
		answer, err := t.read(ctx, prompt)
		if err != nil {
			return err
		}
		err = take(answer)
		if err == nil {
			return nil
		}
		t.say(2, red, "✗ "+err.Error())
	}
}

// confirm asks for yes or no.
func (t *terminal) confirm(ctx context.Context, question string, otherwise bool) (yes bool, err error) {
	hint := "[y/N]"
	if otherwise {
		hint = "[Y/n]"
	}
	err = t.until(ctx, question+" "+hint+": ", func(answer string) error {
		switch strings.ToLower(answer) {
		case "":
			yes = otherwise
		case "y", "yes":
			yes = true
		case "n", "no":
			yes = false
		default:
			return fmt.Errorf("%q: must be y or n", answer)
		}
		return nil
	})
	return yes, err
}

// choose asks for one of several, by its number or its text, and returns its index.
func (t *terminal) choose(ctx context.Context, choices []string, otherwise int) (chosen int, err error) {
	for i, choice := range choices {
		t.say(2, "", fmt.Sprintf("%2d  %s", i+1, choice))
	}
	err = t.until(ctx, fmt.Sprintf("1-%d [%d]: ", len(choices), otherwise+1), func(answer string) error {
		if answer == "" {
			chosen = otherwise
			return nil
		}
		for i, choice := range choices {
			if answer == strconv.Itoa(i+1) || answer == choice {
				chosen = i
				return nil
			}
		}
		return fmt.Errorf("%q: must be a number from 1 to %d", answer, len(choices))
	})
	return chosen, err
}

// text asks for a text that check takes. The answer none is the empty text.
func (t *terminal) text(ctx context.Context, question, otherwise string, check func(string) error) (text string, err error) {
	hint := otherwise
	if hint == "" {
		hint = none
	}
	err = t.until(ctx, fmt.Sprintf("%s [%s]: ", question, hint), func(answer string) error {
		switch answer {
		case "":
			text = otherwise
		case none:
			text = ""
		default:
			text = answer
		}
		return check(text)
	})
	return text, err
}

// list is text for several, comma separated.
func (t *terminal) list(ctx context.Context, question string, otherwise []string, check func([]string) error) (list []string, err error) {
	_, err = t.text(ctx, question, strings.Join(otherwise, ","), func(text string) error {
		list = nil
		if text != "" {
			list = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		}
		return check(list)
	})
	return list, err
}
