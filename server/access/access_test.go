package access

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func entries(t testing.TB, texts ...string) []Entry {
	t.Helper()
	var list []Entry
	for _, text := range texts {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

func TestDefaultServesTheNeighbourhood(t *testing.T) {
	list := New(Default(), []netip.Prefix{netip.MustParsePrefix("203.0.113.7/28"), netip.MustParsePrefix("2001:db8:1::5/64")})
	const all, time, own = Ignore, usual, usual &^ NoQuery
	tests := []struct {
		address string
		want    Flags
	}{
		{"127.0.0.1", own},
		{"127.0.0.2", time},
		{"127.255.255.255", time},
		{"126.255.255.255", all},
		{"10.1.2.3", time},
		{"172.15.255.255", all},
		{"172.16.0.0", time},
		{"172.31.255.255", time},
		{"172.32.0.0", all},
		{"192.168.255.1", time},
		{"100.63.255.255", all},
		{"100.64.0.0", time},
		{"100.127.255.255", time},
		{"169.254.7.7", time},
		{"203.0.113.0", time},
		{"203.0.113.15", time},
		{"203.0.113.16", all},
		{"8.8.8.8", all},
		{"0.0.0.0", all},
		{"255.255.255.255", all},
		{"::1", own},
		{"::2", all},
		{"fe80::1", time},
		{"fe80::1%3", time},
		{"fd12:3456::1", time},
		{"2001:db8:1::ffff", time},
		{"2001:db8:2::1", all},
		{"::ffff:127.0.0.1", own},
		{"::ffff:8.8.8.8", all},
	}
	for _, tt := range tests {
		if got := list.Of(netip.MustParseAddr(tt.address)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.address, got, tt.want)
		}
	}
}

func TestLongestPrefixCounts(t *testing.T) {
	on := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("192.0.2.0/24")}
	list := New(append(Default(), entries(t,
		"10.0.0.0/8 ignore", "10.1.0.0/16", "10.1.2.0/24 kod notrust", "10.1.2.3 noquery", "0.0.0.0/0 noquery",
		"2001:db8::/32 kod", "2001:db8:0:1::/64 ignore", "2001:db8:0:1::7 nopeer", "on-link ignore", "192.0.2.0/24 notrap",
	)...), on)
	tests := []struct {
		address string
		want    string
	}{
		{"10.9.9.9", "ignore"},
		{"10.1.9.9", ""},
		{"10.1.2.9", "notrust kod"},
		{"10.1.2.3", "noquery"},
		{"9.9.9.9", "noquery"},
		{"2001:db8:0:2::1", "kod"},
		{"2001:db8:0:1::1", "ignore"},
		{"2001:db8:0:1::7", "nopeer"},
		{"2001:db9::", "ignore"},
		{"198.51.100.1", "ignore"},
		{"192.0.2.1", "notrap"},
	}
	for _, tt := range tests {
		if got := list.Of(netip.MustParseAddr(tt.address)).String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.address, got, tt.want)
		}
	}
	if got := New(nil, nil).Of(netip.MustParseAddr("127.0.0.1")); got != Ignore {
		t.Errorf("an empty list: %q, want ignore", got)
	}
}

// Whatever the prefixes, the answer is that of trying all of them.
func TestOfTriesAllPrefixes(t *testing.T) {
	address := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 0x80, 0xff}), 16, 16).Draw(t, "bytes")
		if rapid.Bool().Draw(t, "IPv4") {
			return netip.AddrFrom4([4]byte(b))
		}
		b[0] = 0x20 // not one of IPv4
		return netip.AddrFrom16([16]byte(b))
	})
	rapid.Check(t, func(t *rapid.T) {
		var list []Entry
		for _, a := range rapid.SliceOfN(address, 0, 30).Draw(t, "addresses") {
			p, _ := a.Prefix(rapid.IntRange(0, a.BitLen()).Draw(t, "bits"))
			list = append(list, Entry{p, Flags(rapid.Uint8Range(0, 127).Draw(t, "flags"))})
		}
		a, want, bits := address.Draw(t, "asked"), Ignore, -1
		for _, e := range list {
			if e.Prefix.Contains(a) && e.Prefix.Bits() >= bits {
				want, bits = e.Flags, e.Prefix.Bits()
			}
		}
		if got := New(list, nil).Of(a); got != want {
			t.Fatalf("%v: %q, want %q", a, got, want)
		}
	})
}

func TestParse(t *testing.T) {
	tests := []struct{ text, want string }{
		{"192.0.2.0/24 ignore", "192.0.2.0/24 ignore"},
		{"192.0.2.0/24", "192.0.2.0/24 "},
		{"  2001:db8::/32\tkod  noquery ", "2001:db8::/32 noquery kod"},
		{"::ffff:192.0.2.1 ignore", "192.0.2.1/32 ignore"},
		{"on-link ignore nomodify notrust noquery notrap nopeer kod", "invalid Prefix ignore nomodify notrust noquery notrap nopeer kod"},
		{"", "no prefix"},
		{"192.0.2.1/24 kod", `"192.0.2.1/24": bits are set outside the prefix, did you mean 192.0.2.0/24?`},
		{"192.0.2.0/33", `"192.0.2.0/33": neither a prefix nor an address nor "on-link"`},
		{"fe80::1%eth0", `"fe80::1%eth0": neither a prefix nor an address nor "on-link"`},
		{"example.org kod", `"example.org": neither a prefix nor an address nor "on-link"`},
		{"192.0.2.0/24 limited", `flag "limited": none of ignore, nomodify, notrust, noquery, notrap, nopeer, kod`},
	}
	for _, tt := range tests {
		e, err := Parse(tt.text)
		got := e.Prefix.String() + " " + e.Flags.String()
		if err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("192.0.2.0/24 ignore")
	f.Add("on-link kod")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil || !e.Prefix.IsValid() {
			return
		}
		if again, err := Parse(e.Prefix.String() + " " + e.Flags.String()); err != nil || again != e {
			t.Fatalf("%+v, written and read again %+v, %v", e, again, err)
		}
		if got := New([]Entry{e}, nil).Of(e.Prefix.Addr()); got != e.Flags {
			t.Fatalf("%v is not found in its own list: %q", e.Prefix, got)
		}
	})
}

func BenchmarkOf(b *testing.B) {
	list, a := New(Default(), nil), netip.MustParseAddr("192.168.1.1")
	b.ReportAllocs()
	for b.Loop() {
		list.Of(a)
	}
}
