// Copyright 2026 The Restage Authors
// SPDX-License-Identifier: Apache-2.0

package redact

const (
	shortestCard = 14 // digits
	longestCard  = 19
	// leastGroup is the least number of digits of a group of a number that is written in groups.
	leastGroup = 4
)

// findCard finds the number of a payment card that begins at i, in one piece or in groups with blanks or dashes.
func findCard(text []byte, i int) (secret, bool) {
	if i > 0 && !mayPrecede(text, i) {
		return secret{}, false
	}
	var number [longestCard]byte
	n, group, best := 0, 0, 0
	at := i
	for ; at < len(text) && n < longestCard; at++ {
		c := text[at]
		if digits[c] {
			number[n] = c
			n, group = n+1, group+1
			continue
		}
		if group < leastGroup || c != ' ' && c != '-' || at+1 == len(text) || !digits[text[at+1]] {
			break
		}
		// What was read so far may be the whole number, and the next group something else.
		if isCard(number[:n]) {
			best = at
		}
		group = 0
	}
	if mayFollow(text, at) && isCard(number[:n]) {
		best = at
	}
	return secret{from: i, to: best, class: ClassCard}, best > 0
}

// mayPrecede tells whether a number may begin at i: not in the middle of a word, of a number or of a fraction.
func mayPrecede(text []byte, i int) bool {
	c := text[i-1]
	return !isWord[c] && c != '.' && c != '-'
}

func mayFollow(text []byte, at int) bool {
	if at == len(text) {
		return true
	}
	fraction := text[at] == '.' && at+1 < len(text) && digits[text[at+1]]
	return !isWord[text[at]] && !fraction
}

// isCard tells whether digits are the number of a card of a known network. Tokens begin with 90, which is none.
func isCard(number []byte) bool {
	n := len(number)
	if n < shortestCard || !isNetwork(number, n) {
		return false
	}
	return checkDigit(number[:n-1]) == number[n-1]
}

// isNetwork knows the ranges and lengths of Visa, Mastercard, American Express, Diners Club, JCB, Discover, UnionPay and Maestro.
func isNetwork(number []byte, n int) bool {
	two := int(number[0]-'0')*10 + int(number[1]-'0')
	four := two*100 + int(number[2]-'0')*10 + int(number[3]-'0')
	switch {
	case number[0] == '4':
		return n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		return n == 16
	case two == 34, two == 37:
		return n == 15
	case four >= 3000 && four <= 3059, four == 3095, two == 36, two == 38, two == 39:
		return n == 14 || n == 16 || n == 19
	case four >= 3528 && four <= 3589, four == 6011, four >= 6440 && four <= 6499, two == 65, two == 62:
		return n >= 16
	case four == 5018, four == 5020, four == 5038, four == 5893, four == 6304, four == 6759, four >= 6761 && four <= 6763:
		return n >= 16
	}
	return false
}

// checkDigit is the digit that makes a number right by the formula of Luhn.
func checkDigit(number []byte) byte {
	sum := 0
	for i := range number {
		d := int(number[len(number)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}
