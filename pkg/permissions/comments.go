// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package permissions

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/kyaml/kio"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

// comments are those of the manifests, by the kind and name of the role or binding that they stand above. The same role in two
// namespaces has one comment.
type comments map[object]comment

type object struct{ kind, name string }

type comment struct {
	// why stands above the whole object.
	why string
	// rules has the comment of each rule by what the rule says.
	rules map[string]string
}

// readComments reads all manifests below a folder.
func readComments(manifests fs.FS) (comments, error) {
	found := comments{}
	err := fs.WalkDir(manifests, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".yaml" {
			return err
		}
		data, err := fs.ReadFile(manifests, name)
		if err != nil {
			return err
		}
		documents, err := kio.FromBytes(data)
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		for _, document := range documents {
			if document.GetApiVersion() == "rbac.authorization.k8s.io/v1" {
				found.add(document)
			}
		}
		return nil
	})
	return found, err
}

func (c comments) add(document *yaml.RNode) {
	key := object{document.GetKind(), document.GetName()}
	if known, ok := c[key]; ok && known.why != "" {
		return // a patch of it
	}
	read := comment{rules: map[string]string{}}
	mapping := document.YNode()
	if len(mapping.Content) > 0 {
		read.why = last(text(mapping.HeadComment), text(mapping.Content[0].HeadComment))
	}
	rules, err := document.Pipe(yaml.Lookup("rules"))
	if err == nil && rules != nil {
		why := ""
		for _, rule := range rules.Content() {
			// a comment is of all rules that follow it
			if above := text(rule.HeadComment); above != "" {
				why = above
			} else if len(rule.Content) > 0 && text(rule.Content[0].HeadComment) != "" {
				why = text(rule.Content[0].HeadComment)
			}
			var parsed Rule
			if err := rule.Decode(&parsed); err == nil {
				read.rules[parsed.key()] = why
			}
		}
	}
	c[key] = read
}

func last(texts ...string) (found string) {
	for _, text := range texts {
		if text != "" {
			found = text
		}
	}
	return found
}

// text is a comment on one line, without its marks; only its last paragraph: before may be the licence.
func text(comment string) string {
	paragraphs := strings.Split(strings.TrimSpace(comment), "\n\n")
	var words []string
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		words = append(words, strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "#"))...)
	}
	return strings.Join(words, " ")
}
