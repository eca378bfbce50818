package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The cost of a password, argon2id (RFC 9106): OWASP's choice for small memory. One takes 19 MiB while it is computed.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashBytes  = 32
	saltBytes  = 16
)

// What a password may be. Its length alone is asked for (NIST SP 800-63B, 5.1.1).
const (
	MinPassword = 12  // characters
	maxPassword = 256 // bytes
)

// waiting is how many may wait for the one password that is computed; memory and time for more would be anyone's to take.
const waiting = 8

// hasher computes one password at a time.
type hasher struct {
	queue, turn chan struct{}
	memory      uint32 // KiB
}

func newHasher() *hasher {
	return &hasher{make(chan struct{}, waiting), make(chan struct{}, 1), hashMemory}
}

// compute calls f when it is its turn.
func (h *hasher) compute(ctx context.Context, f func()) error {
	select {
	case h.queue <- struct{}{}:
	default:
		return ErrBusy
	}
	defer func() { <-h.queue }()
	select {
	case h.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-h.turn }()
	f()
	debug.FreeOSMemory() // otherwise what is left of several lies about until the collector finds it worth its while
	return nil
}

// hash returns what is kept of a password, in the form of the PHC.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails
	var key []byte
	err := h.compute(ctx, func() { key = argon2.IDKey([]byte(password), salt, hashPasses, h.memory, 1, hashBytes) })
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, h.memory, hashPasses, b64.EncodeToString(salt), b64.EncodeToString(key)), err
}

var errForm = errors.New("not a password as it is kept here")

// verify reports whether kept is what hash made of password.
func (h *hasher) verify(ctx context.Context, kept, password string) (bool, error) {
	k, err := parseHash(kept)
	if err != nil {
		return false, err
	}
	same := false
	err = h.compute(ctx, func() {
		key := argon2.IDKey([]byte(password), k.salt, k.passes, k.memory, 1, uint32(len(k.key)))
		same = subtle.ConstantTimeCompare(key, k.key) == 1
	})
	return same, err
}

// keptHash is a password as it is kept.
type keptHash struct {
	memory, passes uint32
	salt, key      []byte
}

// parseHash takes only what hash can have made, now or with other costs: a file must not say how much memory is taken.
func parseHash(text string) (keptHash, error) {
	var k keptHash
	var version int
	fields := strings.Split(text, "$")
	if len(fields) != 6 || fields[1] != "argon2id" {
		return k, errForm
	}
	if _, err := fmt.Sscanf(fields[2]+" "+fields[3], "v=%d m=%d,t=%d,p=1", &version, &k.memory, &k.passes); err != nil {
		return k, errForm
	}
	var err1, err2 error
	k.salt, err1 = base64.RawStdEncoding.DecodeString(fields[4])
	k.key, err2 = base64.RawStdEncoding.DecodeString(fields[5])
	const mostMemory, mostPasses = 64 << 10, 16
	if err1 != nil || err2 != nil || version != argon2.Version || len(k.salt) != saltBytes || len(k.key) != hashBytes ||
		k.memory < 8 || k.memory > mostMemory || k.passes < 1 || k.passes > mostPasses {
		return k, errForm
	}
	return k, nil
}

// checkPassword returns what is wrong with a new password.
func checkPassword(password string) error {
	switch {
	case !utf8.ValidString(password) || len(password) > maxPassword:
		return ErrLong
	case utf8.RuneCountInString(password) < MinPassword:
		return ErrShort
	}
	return nil
}
