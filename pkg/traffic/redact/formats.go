// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

import "bytes"

// format is a kind of secret that is known by how it begins.
type format struct {
	class    string
	prefix   string
	foldCase bool // the prefix is lower-case, and means upper case too
	keep     int  // bytes of the prefix that are no secret
	rest     *charset
	min, max int // bytes after the prefix
}

// charset tells which bytes may stand in a secret.
type charset [256]bool

func chars(ranges string) *charset {
	var set charset
	for i := 0; i+1 < len(ranges); i += 2 {
		for c := int(ranges[i]); c <= int(ranges[i+1]); c++ {
			set[c] = true
		}
	}
	return &set
}

// isWord are bytes before and after which there is no secret: it would be the middle of a word.
var isWord = *chars("azAZ09__")

// isJoined are bytes before which no format begins. Those that may stand in the middle of one are among them, so that a text is not
// read again and again from each place where one could begin.
var isJoined = *chars("azAZ09__--..")

// formats are the documented prefixes of tokens and keys. Beside the vendors' own pages the lists of GitHub's secret scanning served as a source.
func formats() []format {
	alnum, lower, upper := chars("azAZ09"), chars("az09"), chars("AZ09")
	word, base64, dashed := chars("azAZ09__"), chars("azAZ09++//=="), chars("azAZ09--")
	url := chars("azAZ09--__")
	dotted := chars("azAZ09--__..")
	slashed := chars("azAZ09//")
	credentials := chars("azAZ09--__..~~++//==")
	const long = 4096
	key := func(prefix string, rest *charset, min, max int) format {
		return format{class: ClassCloudKey, prefix: prefix, rest: rest, min: min, max: max}
	}
	return []format{
		{class: ClassToken, prefix: "bearer ", foldCase: true, keep: len("bearer "), rest: credentials, min: 16, max: 16 * long},
		{class: ClassToken, prefix: "eyJ", rest: dotted, min: 20, max: 16 * long}, // JWT; see isJWT
		key("AKIA", upper, 16, 16), key("ASIA", upper, 16, 16), key("ABIA", upper, 16, 16), key("ACCA", upper, 16, 16), // AWS
		key("AIza", url, 35, 35), key("GOCSPX-", url, 28, 28), key("ya29.", dotted, 20, long), // Google Cloud
		{class: ClassCloudKey, prefix: "AccountKey=", keep: len("AccountKey="), rest: base64, min: 40, max: 100}, // Azure
		key("ghp_", alnum, 36, 251), key("gho_", alnum, 36, 251), key("ghu_", alnum, 36, 251), key("ghs_", alnum, 36, 251), // GitHub
		key("ghr_", alnum, 36, 251), key("github_pat_", word, 22, 244),
		key("glpat-", dotted, 20, 300), key("gldt-", url, 20, 64), key("glrt-", dotted, 20, 300), // GitLab
		key("xoxb-", dashed, 10, long), key("xoxp-", dashed, 10, long), key("xoxa-", dashed, 10, long), key("xoxr-", dashed, 10, long), // Slack
		key("xoxs-", dashed, 10, long), key("xoxe-", dashed, 10, long), key("xapp-", dashed, 10, long),
		{class: ClassCloudKey, prefix: "hooks.slack.com/services/", keep: len("hooks.slack.com/services/"), rest: slashed, min: 20, max: 200},
		key("sk_live_", alnum, 16, long), key("sk_test_", alnum, 16, long), key("rk_live_", alnum, 16, long), key("rk_test_", alnum, 16, long), // Stripe
		key("whsec_", base64, 16, 200),
		key("sk-proj-", url, 20, long), key("sk-svcacct-", url, 20, long), key("sk-ant-", url, 20, long), key("hf_", alnum, 30, 60), // OpenAI, Anthropic, Hugging Face
		key("SG.", dotted, 40, 100), key("SK", lower, 32, 32), // SendGrid, Twilio
		key("npm_", alnum, 36, 36), key("pypi-", url, 50, long), key("dckr_pat_", url, 20, 64), // registries
		key("dop_v1_", lower, 64, 64), key("shpat_", lower, 32, 32), key("shpss_", lower, 32, 32), // DigitalOcean, Shopify
		key("hvs.", url, 20, long), key("hvb.", url, 20, long), // Vault
	}
}

// findFormat finds which of the formats the text has at i.
func findFormat(known []format, text []byte, i int) (secret, bool) {
	for k := range known {
		f := &known[k]
		if len(text)-i < len(f.prefix)+f.min || !f.begins(text[i:]) {
			continue
		}
		start := i + len(f.prefix)
		end := start
		for end < len(text) && end-start <= f.max && f.rest[text[end]] {
			end++
		}
		if n := end - start; n < f.min || n > f.max || f.prefix == "eyJ" && !isJWT(text[i:end]) {
			continue
		}
		return secret{from: i + f.keep, to: end, class: f.class}, true
	}
	return secret{}, false
}

func (f *format) begins(text []byte) bool {
	start := text[:len(f.prefix)]
	return string(start) == f.prefix || f.foldCase && bytes.EqualFold(start, []byte(f.prefix))
}

// isJWT tells whether a text that begins like one has a header, a payload and a signature, which may be empty.
func isJWT(text []byte) bool {
	const least = 8 // bytes of header and payload
	header, rest, ok := bytes.Cut(text, []byte("."))
	if !ok || len(header) < least {
		return false
	}
	payload, _, ok := bytes.Cut(rest, []byte("."))
	return ok && len(payload) >= least
}
