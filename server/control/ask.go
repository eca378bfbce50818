package control

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Exchange sends a request and gives every packet that comes back to take, until take returns true.
type Exchange func(request []byte, take func(packet []byte) bool) error

// Row is a source as a server tells of it.
type Row struct {
	ID        uint16
	Selection uint8
	Variables map[string]string // without the quotation marks
}

// maxSources bounds what a server can make us ask.
const maxSources = 64

// Ask asks a server for its sources.
func Ask(exchange Exchange) ([]Row, error) {
	list, err := ask(exchange, message{version: 4, operation: readStatus, sequence: 1})
	if err != nil {
		return nil, fmt.Errorf("list of sources: %w", err)
	}
	var rows []Row
	for ; len(list) >= 4 && len(rows) < maxSources; list = list[4:] {
		id, status := binary.BigEndian.Uint16(list), binary.BigEndian.Uint16(list[2:])
		text, err := ask(exchange, message{version: 4, operation: readVariables, sequence: uint16(2 + len(rows)), association: id})
		if err != nil {
			return nil, fmt.Errorf("source %d: %w", id, err)
		}
		rows = append(rows, Row{id, uint8(status >> 8 & 7), variables(string(text))})
	}
	return rows, nil
}

// ask returns the data of the answer to one request.
func ask(exchange Exchange, m message) ([]byte, error) {
	var parts []message
	var failed error
	err := exchange(m.append(nil), func(packet []byte) bool {
		p, ok := read(packet)
		if !ok || p.flags&isResponse == 0 || p.operation != m.operation || p.sequence != m.sequence || p.association != m.association {
			return false // someone else's
		}
		if p.flags&isError != 0 {
			failed = fmt.Errorf("the server answers with error %d", p.status>>8)
			return true
		}
		p.data = slices.Clone(p.data)
		parts = append(parts, p)
		return complete(parts)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	var data []byte
	for _, p := range parts {
		data = append(data, p.data...)
	}
	return data, nil
}

// complete sorts fragments and reports whether none is missing.
func complete(parts []message) bool {
	slices.SortFunc(parts, func(a, b message) int { return cmp.Compare(a.offset, b.offset) })
	end := 0
	for _, p := range parts {
		if int(p.offset) != end {
			return false
		}
		end += len(p.data)
	}
	return parts[len(parts)-1].flags&hasMore == 0
}

// variables reads a list of names and values.
func variables(text string) map[string]string {
	found := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") { // no value of ours has a comma
		name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		found[name] = strings.Trim(value, `"`)
	}
	return found
}
