package auth

import "testing"

func BenchmarkPassword(b *testing.B) {
	b.ReportAllocs()
	h := newHasher()
	for b.Loop() {
		if _, err := h.hash(b.Context(), password); err != nil {
			b.Fatal(err)
		}
	}
}
