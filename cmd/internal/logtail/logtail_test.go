package logtail

import (
	"fmt"
	"strings"
	"testing"
)

func TestTailKeepsTheNewestWholeLines(t *testing.T) {
	tail := New(100)
	for i := range 1000 {
		fmt.Fprintf(tail, "line %d\n", i)
	}
	got := string(tail.Bytes())
	if len(got) > 100 || len(got) < 80 || !strings.HasPrefix(got, "line ") || !strings.HasSuffix(got, "line 999\n") {
		t.Errorf("%q", got)
	}
	if cap(tail.b) > 1000 {
		t.Errorf("%d bytes in memory for 100", cap(tail.b))
	}
	tail.Write(make([]byte, 10_000))
	if len(tail.Bytes()) > 100 {
		t.Error("one long line is kept whole")
	}
}
