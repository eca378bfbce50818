package boot

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"timeball/board/store"
	"timeball/cmd/internal/appliance"
	"timeball/cmd/internal/config"
	"timeball/image"
	"timeball/image/mounts"
	"timeball/web/auth"
)

// fakeKernel does nothing and remembers it.
type fakeKernel struct {
	root  string           // where the card is: a mount needs its folder
	fail  map[string]error // of a mount, by type and target, or of "remount"
	calls []string
	clock time.Time
}

func (k *fakeKernel) Mount(m mounts.Mount) error {
	how := "rw"
	if m.Flags&mounts.ReadOnly != 0 {
		how = "ro"
	}
	if strings.Contains(m.Options, "noload") {
		how += " noload"
	}
	call := fmt.Sprintf("%s %s %s", m.Type, m.Target, how)
	k.calls = append(k.calls, call)
	if info, err := os.Stat(filepath.Join(k.root, m.Target)); err != nil || !info.IsDir() {
		return unix.ENOENT
	}
	return k.fail[call]
}

func (k *fakeKernel) Remount(m mounts.Mount) error {
	k.calls = append(k.calls, fmt.Sprintf("remount %s ro=%v", m.Target, m.Flags&mounts.ReadOnly != 0))
	return k.fail["remount"]
}

func (k *fakeKernel) Unmount(target string) error {
	k.calls = append(k.calls, "unmount "+target)
	return nil
}

func (k *fakeKernel) Now() time.Time             { return k.clock }
func (k *fakeKernel) SetClock(t time.Time) error { k.clock = t; return nil }
func (k *fakeKernel) SetHostname(string) error   { return nil }
func (k *fakeKernel) Signal(s unix.Signal)       { k.calls = append(k.calls, unix.SignalName(s)+" to all") }
func (k *fakeKernel) Sync()                      { k.calls = append(k.calls, "sync") }

func (k *fakeKernel) Stop(off bool) error {
	k.calls = append(k.calls, fmt.Sprintf("stop off=%v", off))
	return unix.EPERM
}

// card returns a start of a card that is a folder.
func card(t *testing.T) (*boot, *fakeKernel) {
	t.Helper()
	k := &fakeKernel{fail: map[string]error{}, clock: time.Unix(3, 0)}
	b := &boot{
		root: t.TempDir(), k: k, log: slog.New(slog.NewTextHandler(io.Discard, nil)), appears: func(string) bool { return true },
		tryWrite: func(string) error { return nil }, perm: permOK, bootDevice: "/dev/vda1", permDevice: "/dev/vda7",
	}
	k.root = b.root
	b.report = newReport(b.path("/run/timeball/boot.json"))
	defaults := config.Default()
	b.config.Store(&defaults)
	for _, dir := range []string{"/run/timeball", mounts.Boot, mounts.Perm, stateDir} {
		if err := os.MkdirAll(b.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return b, k
}

// put writes a file of the card.
func put(t *testing.T, b *boot, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(path)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.path(path), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// content returns a file of the card, "-" where there is none.
func content(b *boot, path string) string {
	text, err := os.ReadFile(b.path(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "-"
	}
	return string(text)
}

func TestNowhereElseIsAnythingDone(t *testing.T) {
	if err := Main(); err == nil || !strings.Contains(err.Error(), "process 1") {
		t.Fatalf("Main() = %v here, want an error about process 1", err)
	}
	// The real kernel is asked, with a marker that is there: the number of the process alone keeps the clock.
	marker := filepath.Join(t.TempDir(), "marker")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	if err := (linux{marker: marker}).SetClock(before); !errors.Is(err, errNotOurs) {
		t.Errorf("SetClock = %v, want %v", err, errNotOurs)
	}
}

func TestPermIsMountedOrStoodFor(t *testing.T) {
	const perm, under = "ext4 /perm rw", "tmpfs /run/perm rw"
	overlay := []string{under, "ext4 /run/perm/lower ro", "overlay /perm rw"}
	tests := []struct {
		name   string
		device string
		absent bool
		fail   map[string]error
		write  error
		want   permState
		calls  []string
	}{
		{"well", "/dev/vda7", false, nil, nil, permOK, []string{perm}},
		{"not named", "", false, nil, nil, permMissing, []string{"tmpfs /perm rw"}},
		{"not there", "/dev/vda7", true, nil, nil, permMissing, []string{"tmpfs /perm rw"}},
		{"the card is read-only", "/dev/vda7", false, map[string]error{perm: unix.EROFS}, nil, permReadOnly, append([]string{perm}, overlay...)},
		{"so says the driver", "/dev/vda7", false, map[string]error{perm: unix.EACCES}, nil, permReadOnly, append([]string{perm}, overlay...)},
		{"with a journal to replay", "/dev/vda7", false, map[string]error{perm: unix.EROFS, overlay[1]: unix.EROFS}, nil, permReadOnly, []string{
			perm, under, overlay[1], "ext4 /run/perm/lower ro noload", overlay[2],
		}},
		{"a write fails", "/dev/vda7", false, nil, unix.EIO, permReadOnly, append([]string{perm, "unmount /perm"}, overlay...)},
		{"full", "/dev/vda7", false, nil, unix.ENOSPC, permFull, append([]string{perm, "unmount /perm"}, overlay...)},
		{"damaged, to be read", "/dev/vda7", false, map[string]error{perm: unix.EUCLEAN}, nil, permCorrupt, append([]string{perm}, overlay...)},
		{"not to be read at all", "/dev/vda7", false, map[string]error{perm: unix.EINVAL, overlay[1]: unix.EINVAL, overlay[1] + " noload": unix.EINVAL}, nil, permCorrupt, []string{
			perm, under, overlay[1], overlay[1] + " noload", "unmount /perm", "unmount /run/perm/lower", "unmount /run/perm", "tmpfs /perm rw",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, k := card(t)
			if tt.fail != nil {
				k.fail = tt.fail
			}
			b.appears = func(string) bool { return !tt.absent }
			b.tryWrite = func(string) error { return tt.write }
			got, err := b.mountPerm(tt.device)
			if got != tt.want || (err == nil) != (tt.want == permOK) {
				t.Errorf("mountPerm = %s, %v, want %s", got, err, tt.want)
			}
			if diff := cmp.Diff(tt.calls, k.calls); diff != "" {
				t.Error(diff)
			}
			if (got.sentence() == "") != (got == permOK) {
				t.Errorf("%s is told as %q", got, got.sentence())
			}
		})
	}
}

// A file system that finds a fault makes itself read-only: that is not the card.
func TestPermThatHasNotedAFaultIsDamaged(t *testing.T) {
	b, _ := card(t)
	b.tryWrite = func(string) error { return unix.EROFS }
	put(t, b, "/sys/fs/ext4/vda7/errors_count", "0\n")
	if got, _ := b.mountPerm("/dev/vda7"); got != permReadOnly {
		t.Errorf("without a fault %s, want %s", got, permReadOnly)
	}
	put(t, b, "/sys/fs/ext4/vda7/errors_count", "2\n")
	if got, _ := b.mountPerm("/dev/vda7"); got != permCorrupt {
		t.Errorf("with two faults %s, want %s", got, permCorrupt)
	}
}

func TestFactoryResetMakesADamagedPermNew(t *testing.T) {
	b, k := card(t)
	b.permDevice = "/dev/vda7"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("an empty file system")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, b, image.EmptyPerm, packed.String())
	put(t, b, "/dev/vda7", "the damaged one, which is longer")
	put(t, b, "/boot/factory-reset", "")
	b.perm = permCorrupt
	b.firstBoot(b.look(b.bootDevice), b.perm)
	if got := content(b, "/dev/vda7"); !strings.HasPrefix(got, "an empty file system") {
		t.Errorf("perm is %q", got)
	}
	if b.perm != permOK || !slices.Contains(k.calls, "ext4 /perm rw") {
		t.Errorf("perm is %s after %q", b.perm, k.calls)
	}
}

func TestFilesOfTheBootPartitionAreFollowed(t *testing.T) {
	const config, network = "[log]\nlevel = \"debug\"\n", "addresses = [\"192.0.2.7/24\"]\n"
	tests := []struct {
		name   string
		boot   map[string]string // files there, "" = an empty one
		perm   map[string]string // files below the state directory
		stuck  bool              // the boot partition can't be written
		want   map[string]string // files below the state directory afterwards, "-" = none
		left   []string          // requests that are still on the boot partition
		notice string            // part of what is told; "" = nothing
	}{
		{
			"first start",
			map[string]string{"timeball.toml": config, "network.toml": network},
			nil, false,
			map[string]string{"timeball.toml": config, "network.toml": network},
			nil, "",
		},
		{"an editor's ending", map[string]string{"timeball.toml.txt": config}, nil, false, map[string]string{"timeball.toml": config}, nil, ""},
		{"both wrong", map[string]string{"timeball.toml": "[logg]\n"}, nil, false, map[string]string{"timeball.toml": "-"}, nil, "logg"},
		{"wrong network", map[string]string{"network.toml": "dns = [\"0.0.0.0\"]\n"}, nil, false, map[string]string{"network.toml": "-"}, nil, "0.0.0.0"},
		{"too long", map[string]string{"timeball.toml": strings.Repeat("#", maxDropped+1)}, nil, false, map[string]string{"timeball.toml": "-"}, nil, "more than"},
		{
			"perm rules",
			map[string]string{"timeball.toml": config},
			map[string]string{"timeball.toml": "# mine\n"},
			false,
			map[string]string{"timeball.toml": "# mine\n"},
			nil, "its own since its first start",
		},
		{
			"accounts are forgotten",
			map[string]string{"reset-admin": ""},
			map[string]string{"web/accounts.json": "{}", "web/https.pem": "x", "clock.0.json": "y"},
			false,
			map[string]string{"web/accounts.json": "-", "web/https.pem": "x", "clock.0.json": "y"},
			nil, "",
		},
		{"no accounts to forget", map[string]string{"reset-admin.txt": ""}, nil, false, map[string]string{"web/accounts.json": "-"}, nil, ""},
		{
			"all is forgotten, and settings taken",
			map[string]string{"factory-reset": "", "timeball.toml": config},
			map[string]string{"timeball.toml": "# mine\n", "network.toml": network, "web/accounts.json": "{}", "clock.0.json": "y"},
			false,
			map[string]string{"timeball.toml": config, "network.toml": "-", "web/accounts.json": "-", "clock.0.json": "-"},
			nil, "",
		},
		{
			"a request that cannot be removed",
			map[string]string{"factory-reset": ""},
			map[string]string{"clock.0.json": "y"},
			true,
			map[string]string{"clock.0.json": "-"},
			[]string{"factory-reset"},
			"could not be removed",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, k := card(t)
			for name, text := range tt.boot {
				put(t, b, filepath.Join(mounts.Boot, name), text)
			}
			for name, text := range tt.perm {
				put(t, b, filepath.Join(stateDir, name), text)
			}
			if tt.stuck {
				k.fail["remount"] = unix.EROFS
			}
			b.firstBoot(b.look(b.bootDevice), permOK)
			for name, want := range tt.want {
				if got := content(b, filepath.Join(stateDir, name)); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
			var left []string
			for _, name := range []string{"reset-admin", "reset-admin.txt", "factory-reset"} {
				if content(b, filepath.Join(mounts.Boot, name)) != "-" {
					left = append(left, name)
				}
			}
			if diff := cmp.Diff(tt.left, left); diff != "" {
				t.Error(diff)
			}
			notices := strings.Join(b.report.get().Notices, "\n")
			if (tt.notice == "") != (notices == "") || !strings.Contains(notices, tt.notice) {
				t.Errorf("told %q, want something of %q", notices, tt.notice)
			}
		})
	}
}

// A card whose boot partition can't be written is reset once, not at every start; a new request is followed again.
func TestARequestThatStaysIsFollowedOnce(t *testing.T) {
	b, k := card(t)
	k.fail["remount"] = unix.EROFS
	put(t, b, "/boot/factory-reset", "")
	b.firstBoot(b.look(b.bootDevice), permOK)
	for start := range 3 {
		put(t, b, stateDir+"/clock.0.json", "new")
		b.firstBoot(b.look(b.bootDevice), permOK)
		if got := content(b, stateDir+"/clock.0.json"); got != "new" {
			t.Fatalf("start %d forgot again: %q", start, got)
		}
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(b.path("/boot/factory-reset"), later, later); err != nil {
		t.Fatal(err)
	}
	b.firstBoot(b.look(b.bootDevice), permOK)
	if got := content(b, stateDir+"/clock.0.json"); got != "-" {
		t.Errorf("a new request is not followed: %q", got)
	}
	// Once the card takes writes again the request goes, and with it the memory of it.
	k.fail = map[string]error{}
	b.firstBoot(b.look(b.bootDevice), permOK)
	if done, _, _ := store.Load[[]string](b.state(), doneName, nil); content(b, "/boot/factory-reset") != "-" || len(done) != 0 {
		t.Errorf("file %q, remembered %q", content(b, "/boot/factory-reset"), done)
	}
}

func TestTheBootPartitionIsReadOnlyAfterwards(t *testing.T) {
	b, k := card(t)
	put(t, b, "/boot/reset-admin", "")
	b.firstBoot(b.look(b.bootDevice), permOK)
	if diff := cmp.Diff([]string{"remount /boot ro=false", "remount /boot ro=true"}, k.calls); diff != "" {
		t.Error(diff)
	}
}

func TestClockIsSetForwardToTheFloor(t *testing.T) {
	b, k := card(t)
	b.marker.Build = 1_795_000_000
	b.setFloor()
	if got := k.clock.Unix(); got != 1_795_000_000 {
		t.Errorf("clock at %d after a start in 1970, want the build", got)
	}
	const later = 1_796_000_000
	if err := b.state().Save(appliance.KeptName, appliance.Kept{UTC: later * 1e9}); err != nil {
		t.Fatal(err)
	}
	b.setFloor()
	if got := k.clock.Unix(); got != later {
		t.Errorf("clock at %d, want the saved second %d", got, later)
	}
	k.clock = time.Unix(4_294_967_296, 0)
	b.setFloor()
	if got := k.clock.Unix(); got != 4_294_967_296 {
		t.Errorf("clock set back to %d", got)
	}
}

func TestNamesAreThoseOfTheirOwners(t *testing.T) {
	if keptName != appliance.KeptName {
		t.Errorf("the saved second is looked for in %s, and is in %s", keptName, appliance.KeptName)
	}
	if accounts != "web/"+auth.AccountsFile {
		t.Errorf("accounts are looked for in %s, and are in web/%s", accounts, auth.AccountsFile)
	}
}

func TestSettingsThatAreWrongAreToldAndNotUsed(t *testing.T) {
	b, _ := card(t)
	put(t, b, stateDir+"/timeball.toml", "[server]\nlissten = [\":123\"]\n")
	put(t, b, stateDir+"/network.toml", "adresses = []\n")
	started := b.configure()
	b.readNetwork()
	notices := strings.Join(b.report.get().Notices, "\n")
	for _, part := range []string{"did you mean server.listen?", "adresses", "DHCP"} {
		if !strings.Contains(notices, part) {
			t.Errorf("told %q, want something of %q", notices, part)
		}
	}
	if slices.Contains(started, "-config") || !b.network.UsesDHCP() || b.config.Load().Web.HTTP != ":80" {
		t.Errorf("used all the same: %q, %+v, %+v", started, b.network, b.config.Load().Web)
	}
	// What the page has changed since holds from the next start on.
	put(t, b, stateDir+"/timeball.toml", "[web]\nhttp = \":8080\"\n")
	put(t, b, stateDir+"/network.toml", "dhcp = false\n")
	started = b.configure()
	b.readNetwork()
	if b.network.UsesDHCP() || b.config.Load().Web.HTTP != ":8080" {
		t.Errorf("not used: %q, %+v, %+v", started, b.network, b.config.Load().Web)
	}
	if notices := strings.Join(b.report.get().Notices, "\n"); strings.Contains(notices, "server.listen") {
		t.Errorf("still told of a mistake that is mended: %q", notices)
	}
	if got, want := strings.Join(started, " "), "/bin/timeballd -board auto -state /perm/timeball -claim-file /run/timeball/claim -watchdog /dev/watchdog"; got != want {
		t.Errorf("started as %q, want %q", got, want)
	}
}

func TestTheClaimCodeIsOnTheBootPartition(t *testing.T) {
	b, k := card(t)
	put(t, b, claimPath, "Claim code: ABCDE-FGHIJ\nWithin 60 minutes\n")
	for range 2 {
		if code, _ := b.door(); code != "ABCDE-FGHIJ" {
			t.Errorf("code %q", code)
		}
	}
	if got := content(b, "/boot/"+claimFile); !strings.HasPrefix(got, "Claim code: ABCDE-FGHIJ\r\nWithin 60 minutes\r\n") || len(got) != claimSize {
		t.Errorf("the boot partition has %q", got)
	}
	if len(k.calls) != 2 {
		t.Errorf("written more than once: %q", k.calls)
	}
	if err := os.Remove(b.path(claimPath)); err != nil {
		t.Fatal(err)
	}
	if code, _ := b.door(); code != "" || strings.Contains(content(b, "/boot/"+claimFile), "ABCDE") || len(content(b, "/boot/"+claimFile)) != claimSize {
		t.Errorf("after the claim: code %q, file %q", code, content(b, "/boot/"+claimFile))
	}
}

func TestMarkerTellsVersionAndBuild(t *testing.T) {
	b, _ := card(t)
	put(t, b, "/etc/timeball-image", "version=v0.7-3-gabc\nbuild_unix=1795000000\n")
	got, err := readMarker(b.path("/etc/timeball-image"))
	if want := (marker{"v0.7-3-gabc", 1_795_000_000}); got != want || err != nil {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	put(t, b, "/etc/timeball-image", "build_unix=soon\n")
	if got, err := readMarker(b.path("/etc/timeball-image")); err == nil || got.Build != 0 {
		t.Errorf("%+v, %v, want an error", got, err)
	}
}

func TestLinksNameThePage(t *testing.T) {
	if isMonitor("ttyAMA0") || isMonitor("tty") || isMonitor("ttyS0") || !isMonitor("tty0") || !isMonitor("tty1") {
		t.Error("a monitor is taken for a serial console or the other way round")
	}
	for listen, want := range map[string]string{
		":80":            "http://timeball-3f2a.local/ http://192.0.2.7/ http://[2001:db8::7]/",
		":8080":          "http://timeball-3f2a.local:8080/ http://192.0.2.7:8080/ http://[2001:db8::7]:8080/",
		"[::]:80":        "http://timeball-3f2a.local/ http://192.0.2.7/ http://[2001:db8::7]/",
		"192.0.2.7:8080": "http://192.0.2.7:8080/",
	} {
		got := strings.Join(links(prefixes("192.0.2.7/24", "2001:db8::7/64", "fe80::7/64"), "timeball-3f2a.local", listen), " ")
		if got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
	if got, want := strings.Join(links(prefixes("169.254.7.8/16", "fe80::7/64"), "", ":80"), " "), "http://169.254.7.8/"; got != want {
		t.Errorf("on the link only: %s, want %s", got, want)
	}
	if got := links(nil, "timeball-3f2a.local", ":80"); len(got) != 0 {
		t.Errorf("without an address: %s", got)
	}
}
