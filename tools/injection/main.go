// Command injection tells whether values are SQL injection or cross-site scripting, by libinjection.
//
// It reads questions until its input ends: one byte, 's' for SQL or 'x' for scripting, four bytes with the length of
// the value, the most significant first, and the value. It answers each with one byte, '1' or '0'.
package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"

	libinjection "github.com/corazawaf/libinjection-go"
)

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<16)
	out := bufio.NewWriter(os.Stdout)
	for {
		kind, value, err := question(in)
		if err != nil {
			return
		}
		out.WriteByte(answer(kind, value))
		// Whoever asks several things at once gets the answers at once.
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

func question(in io.Reader) (byte, string, error) {
	var head [5]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return 0, "", err
	}
	value := make([]byte, binary.BigEndian.Uint32(head[1:]))
	_, err := io.ReadFull(in, value)
	return head[0], string(value), err
}

func answer(kind byte, value string) (verdict byte) {
	// A value that the library fails on is no reason to stop answering.
	defer func() {
		if recover() != nil {
			verdict = '0'
		}
	}()
	found := false
	if kind == 's' {
		found, _ = libinjection.IsSQLi(value)
	} else {
		found = libinjection.IsXSS(value)
	}
	if found {
		return '1'
	}
	return '0'
}
