package link

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// message returns a message of the kernel's with options.
func message(options ...byte) []byte {
	return append([]byte{10, 0, byte(len(options)), byte(len(options) >> 8), 2, 0, 0, 0, 134, 0, 0, 0, 0, 0, 0, 0}, options...)
}

func TestAdviceIsRead(t *testing.T) {
	server := netip.MustParseAddr("2001:db8::53")
	address := server.As16()
	servers := append([]byte{25, 3, 0, 0, 0, 0, 0, 60}, address[:]...)
	search := append([]byte{31, 3, 0, 0, 0, 0, 0, 30}, "\x01a\x07example\x00\x00\x00\x00\x00\x00"...)
	minute, half := 60*time.Second, 30*time.Second
	tests := []struct {
		name string
		data []byte
		want []advice
	}{
		{"a server", message(servers...), []advice{{2, []netip.Addr{server}, nil, minute}}},
		{"a domain", message(search...), []advice{{2, nil, []string{"a.example"}, half}}},
		{"both, after what is not known", message(append(append([]byte{99, 1, 0, 0, 0, 0, 0, 0}, servers...), search...)...), []advice{
			{2, []netip.Addr{server}, nil, minute}, {2, nil, []string{"a.example"}, half},
		}},
		{"an option without length", message(25, 0, 0, 0, 0, 0, 0, 60), nil},
		{"an option that is cut", message(servers[:20]...), nil},
		{"a server that is cut", message(append([]byte{25, 2, 0, 0, 0, 0, 0, 60}, address[:8]...)...), nil},
		{"a name that is cut", message(append([]byte{31, 2, 0, 0, 0, 0, 0, 60}, "\x3fabcdefg"...)...), nil},
		{"nothing", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := readAdvice(tt.data)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(advice{}), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAdviceHoldsAsLongAsItSays(t *testing.T) {
	now := time.Unix(0, 0)
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	var h heard
	h.take(advice{servers: []netip.Addr{b, a}, search: []string{"example.org"}, life: time.Minute}, now)
	h.take(advice{servers: []netip.Addr{b}, life: 2 * time.Minute}, now)
	if servers, search := h.list(now.Add(59 * time.Second)); len(servers) != 2 || servers[0] != a || len(search) != 1 {
		t.Errorf("within a minute: %v, %q", servers, search)
	}
	if servers, search := h.list(now.Add(time.Minute)); len(servers) != 1 || servers[0] != b || len(search) != 0 {
		t.Errorf("after a minute: %v, %q", servers, search)
	}
	h.take(advice{servers: []netip.Addr{b}}, now) // withdrawn
	if servers, _ := h.list(now); len(servers) != 0 {
		t.Errorf("withdrawn, and still there: %v", servers)
	}
	for i := range 100 {
		h.take(advice{servers: []netip.Addr{netip.AddrFrom16([16]byte{15: byte(i)})}, life: time.Hour}, now)
	}
	if servers, _ := h.list(now); len(servers) != maxHeard {
		t.Errorf("%d servers are kept, want at most %d", len(servers), maxHeard)
	}
}

func FuzzReadAdvice(f *testing.F) {
	f.Add(message(25, 1, 0, 0, 0, 0, 0, 60))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, a := range readAdvice(data) {
			if len(a.servers)*16+len(a.search) > len(data) {
				t.Errorf("%d bytes say %+v", len(data), a)
			}
		}
	})
}
