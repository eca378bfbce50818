package port

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"timeball/gnss"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
	"timeball/pps/clock"
)

// terminal opens a pseudo-terminal and returns its master and the path of its slave.
func terminal(t *testing.T) (*os.File, string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	raw, err := master.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	controlErr := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			n, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(controlErr, err); err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", n)
}

// plugged returns the master of a pseudo-terminal whose slave has the given name, as udev names a receiver.
func plugged(t *testing.T, name string) *os.File {
	t.Helper()
	master, slave := terminal(t)
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err := os.Symlink(slave, name); err != nil {
		t.Fatal(err)
	}
	return master
}

func open(t *testing.T, path string) *Port {
	t.Helper()
	p, err := Open(path, 9600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// stream returns what a receiver sends: every byte, so that a line discipline that changes any is seen, then a
// recording if there is one, and sentences.
func stream(t *testing.T) []byte {
	var b []byte
	for i := range 256 {
		b = append(b, byte(i))
	}
	recorded, err := os.ReadFile("../../../shared/corpus/ublox8-uniqid-monhw.log")
	if err != nil {
		t.Log("no recordings beside the project: sentences only")
	}
	b = append(b, recorded...)
	for i := range timescale.UTC(100) {
		b = nmea.AppendZDA(b, nmea.ZDA{Talker: "GN", Stamp: nmea.Stamp{UTC: i * timescale.Second, Decimals: 2}})
	}
	return b
}

// reader frames and decodes what it is given.
type reader struct {
	scanner *scan.Scanner
	decoder *nmea.Decoder
	got     []string
}

func newReader() *reader { return &reader{scan.New(), nmea.NewDecoder(), nil} }

func (r *reader) take(at clock.Mono, b []byte) {
	r.scanner.Write(at, 0, b, func(p scan.Packet) {
		line := fmt.Sprintf("%v %x", p.Protocol, p.Data)
		p.Arrival, p.End = 0, 0
		if report, err := r.decoder.Decode(p); err == nil {
			line += told(report)
		}
		r.got = append(r.got, line)
	})
}

func told(r gnss.Report) string {
	if r.Mark == nil {
		return ""
	}
	return fmt.Sprintf(" %+v", *r.Mark)
}

func TestReadGivesWhatWasSent(t *testing.T) {
	sent := stream(t)
	direct := newReader()
	direct.take(0, sent)

	master, slave := terminal(t)
	p := open(t, slave)
	written := make(chan error, 1)
	go func() {
		_, err := master.Write(sent)
		written <- err
	}()
	throughLine := newReader()
	buf := make([]byte, 512)
	var last clock.Mono
	for total := 0; total < len(sent); {
		n, at, err := p.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		if at <= last {
			t.Fatalf("read at %d behind a read at %d", at, last)
		}
		last = at
		total += n
		throughLine.take(at, buf[:n])
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(direct.got, throughLine.got); diff != "" {
		t.Errorf("packets (-direct +through the line):\n%s", diff)
	}
	if direct.scanner.Counts() != throughLine.scanner.Counts() || len(direct.got) < 100 {
		t.Errorf("counts %+v, direct %+v", throughLine.scanner.Counts(), direct.scanner.Counts())
	}
}

func TestWriteReachesTheReceiver(t *testing.T) {
	master, slave := terminal(t)
	p := open(t, slave)
	if _, err := p.Write([]byte("$PCAS06,0*1B\r\n")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	n, err := master.Read(buf)
	if got := string(buf[:n]); got != "$PCAS06,0*1B\r\n" || err != nil {
		t.Errorf("the receiver got %q, %v", got, err)
	}
}

func TestSilenceIsNoError(t *testing.T) {
	_, slave := terminal(t)
	p := open(t, slave)
	if n, at, err := p.Read(make([]byte, 10)); n != 0 || at == 0 || err != nil {
		t.Errorf("Read = %d, %d, %v, want 0, a time, nil", n, at, err)
	}
}

func TestLineIsGoneAndComesBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gnss0")
	buf := make([]byte, 64)
	master := plugged(t, name)
	p := open(t, name)
	if err := master.Close(); err != nil {
		t.Fatal(err)
	}
	if n, _, err := p.Read(buf); n != 0 || !errors.Is(err, ErrGone) {
		t.Fatalf("Read of an unplugged line = %d, %v, want ErrGone", n, err)
	}
	if _, err := Open(name, 9600); err == nil {
		t.Fatal("Open of an unplugged line: no error")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}

	master = plugged(t, name)
	p = open(t, name)
	if _, err := master.WriteString("back"); err != nil {
		t.Fatal(err)
	}
	if n, _, err := p.Read(buf); string(buf[:n]) != "back" || err != nil {
		t.Errorf("Read = %q, %v", buf[:n], err)
	}
}

func TestLineIsGoneWhenItsNameIs(t *testing.T) {
	name := filepath.Join(t.TempDir(), "gnss0")
	plugged(t, name)
	p := open(t, name)
	plugged(t, name) // another receiver, while the first hangs on
	if n, _, err := p.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrGone) {
		t.Errorf("Read of a line that was replaced = %d, %v, want ErrGone", n, err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if n, _, err := p.Read(make([]byte, 10)); n != 0 || !errors.Is(err, ErrGone) {
		t.Errorf("Read of a line without name = %d, %v, want ErrGone", n, err)
	}
}

func TestCloseEndsRead(t *testing.T) {
	_, slave := terminal(t)
	p := open(t, slave)
	done := make(chan error)
	go func() {
		for {
			if _, _, err := p.Read(make([]byte, 10)); err != nil {
				done <- err
				return
			}
		}
	}()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("Read of a closed port: %v, want os.ErrClosed", err)
	}
}

func TestLineIsExclusiveUntilClosed(t *testing.T) {
	_, slave := terminal(t)
	p := open(t, slave)
	exclusive := func() (n int) {
		err := p.control(func(fd int) (err error) {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGEXCL)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if exclusive() != 1 {
		t.Error("the line is not exclusive")
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = open(t, slave)
	if exclusive() != 1 {
		t.Error("the line is not exclusive after it was opened again")
	}
}

func TestOpenRefuses(t *testing.T) {
	_, slave := terminal(t)
	if _, err := Open(filepath.Join(t.TempDir(), "ttyUSB0"), 9600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no device: %v", err)
	}
	if _, err := Open(slave, 12345); err == nil {
		t.Error("12345 baud: no error")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, 9600); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("a file: %v, want ENOTTY", err)
	}
}

func TestBaudIsMeantOfRealLinesOnly(t *testing.T) {
	_, slave := terminal(t)
	for _, tt := range []struct {
		path string
		want int
	}{
		{"/dev/ttyAMA0", 9600},
		{"/dev/ttyUSB0", 9600},
		{"/dev/ttyACM0", 0},
		{slave, 0},
	} {
		if got := meant(tt.path, 9600); got != tt.want {
			t.Errorf("meant(%s) = %v, want %v", tt.path, got, tt.want)
		}
	}
	if p := open(t, slave); p.Baud() != 0 || p.ByteTime() != 0 || p.Path() != slave {
		t.Errorf("Baud = %v, ByteTime = %v, Path = %s", p.Baud(), p.ByteTime(), p.Path())
	}
	if got := (&Port{baud: 9600}).ByteTime(); got != 10./9600 {
		t.Errorf("ByteTime = %v", got)
	}
}
