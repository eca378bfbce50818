package card

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"timeball/cmd/internal/e2e/machine"
)

// handPort is the TCP port in the machine of who kills processes: nothing on the card listens there.
const handPort = 9

// handInitrd returns an initial file system that starts the card as the kernel would, and leaves behind who kills processes.
func handInitrd(t testing.TB) string {
	t.Helper()
	program := machine.Build(t, "./cmd/internal/e2e/card/hand", "")
	return machine.Initrd(t, []string{"/proc", "/dev", "/card"}, machine.File{Path: "/init", From: program})
}

// reach is how long a machine may take to do what its hand is told.
const reach = 30 * time.Second

// Kill kills the process of a role by SIGKILL, in a unit that was switched on with a Hand, and returns which that was.
func (u *Unit) Kill(role string) (pid int) {
	u.t.Helper()
	conn, err := net.DialTimeout("tcp", u.hand, reach)
	if err != nil {
		u.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(reach)); err != nil {
		u.t.Fatal(err)
	}
	if _, err := fmt.Fprintln(conn, role); err != nil {
		u.t.Fatal(err)
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		u.t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(answer)); err != nil {
		u.t.Fatalf("kill %s: %s", role, answer)
	}
	return pid
}
