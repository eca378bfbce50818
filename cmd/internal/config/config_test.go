package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"timeball/board"
	"timeball/cmd/internal/witness"
	"timeball/web/notify"
)

const example = "../../../docs/timeball.toml"

func TestExampleIsTheDefault(t *testing.T) {
	got, err := Load(example)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Web.Hosts, want.Witness.Servers = []string{}, []string{} // written as []
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-default +file):\n%s", example, diff)
	}
}

func TestExampleShowsEveryKey(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	section := ""
	for _, m := range regexp.MustCompile(`(?m)^(?:\[(\w+)\]|#?(\w+) = )`).FindAllStringSubmatch(string(data), -1) {
		if m[1] != "" {
			section = m[1]
			shown = append(shown, section)
			continue
		}
		shown = append(shown, section+"."+m[2])
	}
	keys := keysOf(reflect.TypeFor[Config](), "")
	slices.Sort(keys)
	slices.Sort(shown)
	if diff := cmp.Diff(keys, shown); diff != "" {
		t.Errorf("keys and the example (-keys +example):\n%s", diff)
	}
}

func TestCommentedValuesOfExampleAreValid(t *testing.T) {
	data, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(example, regexp.MustCompile(`(?m)^#(\w+ = )`).ReplaceAll(data, []byte("$1")))
	if err != nil {
		t.Fatal(err)
	}
	want := board.Latency{Bias: 11.7e-6, HalfRange: 2e-6}
	if got := c.PPS.Latency(board.Latency{Bias: 1, HalfRange: 1}); got != want {
		t.Errorf("latency %+v, want the configured %+v", got, want)
	}
}

func TestDefaultIsValid(t *testing.T) {
	if err := Default().Validate(); err != nil {
		t.Error(err)
	}
	got, err := Parse("empty", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), got); diff != "" {
		t.Errorf("an empty file (-default +got):\n%s", diff)
	}
	own := board.Latency{Bias: 13.5e-6, HalfRange: 6.5e-6}
	if got := Default().PPS.Latency(own); got != own {
		t.Errorf("latency %+v, want the board's %+v", got, own)
	}
}

func TestParseTakesEveryKey(t *testing.T) {
	got, err := Parse("all", []byte(`
[board]
kind = "sim"
state = "/perm/timeball"
[gnss]
device = "/dev/ttyACM0"
baud = 115200
[pps]
source = "kernel"
device = "/dev/pps1"
chip = "gpiochip4"
line = "P1_7"
edge = "falling"
latency_seconds = 0
latency_range_seconds = 1e-6
[clock]
monitor = true
real_time = false
[witness]
servers = ["ntp.example.org", "192.0.2.1:1123"]
[server]
listen = ["192.0.2.1:123", "[2001:db8::1]:1123 smear", ":0 suppress"]
receive_buffer_bytes = 65536
access = ["203.0.113.0/24 noquery kod", "10.0.0.0/8 ignore"]
rate_limit = "off"
refid = "GNSS"
limit = "250us"
kappa = 1.5
expiry = "10s"
[web]
http = "127.0.0.1:8080"
https = "off"
certificate_file = "/perm/timeball/site.pem"
key_file = "/perm/timeball/site.key"
hosts = ["time.example.org", "clock-1"]
[alarm]
syslog = "udp://192.0.2.9:514"
webhook = "https://hooks.example.org/x"
language = "zh"
[log]
level = "debug"
[sim]
receiver = "casic-2"
start = "2015-06-30T23:59:00Z"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Board: Board{Kind: "sim", State: "/perm/timeball"},
		GNSS:  GNSS{Device: "/dev/ttyACM0", Baud: 115200},
		Clock: Clock{Monitor: true}, Witness: witness.Config{Servers: []string{"ntp.example.org", "192.0.2.1:1123"}},
		Server: Server{
			Listening: Listening{
				Listen: []string{"192.0.2.1:123", "[2001:db8::1]:1123 smear", ":0 suppress"}, ReceiveBuffer: 65536,
				Access: []string{"203.0.113.0/24 noquery kod", "10.0.0.0/8 ignore"}, RateLimit: "off",
			},
			Claims: Claims{Limit: 250 * time.Microsecond, Kappa: 1.5, ReferenceID: "GNSS", Expiry: 10 * time.Second},
		},
		Web:   Web{HTTP: "127.0.0.1:8080", HTTPS: "off", Certificate: "/perm/timeball/site.pem", Key: "/perm/timeball/site.key", Hosts: []string{"time.example.org", "clock-1"}},
		Alarm: notify.Config{Syslog: "udp://192.0.2.9:514", Webhook: "https://hooks.example.org/x", Language: "zh"},
		Log:   Log{Level: "debug"},
		Sim:   Sim{Receiver: "casic-2", Start: "2015-06-30T23:59:00Z"},
	}
	zero, micro := 0.0, 1e-6
	want.PPS = PPS{Source: "kernel", Device: "/dev/pps1", LatencySeconds: &zero, LatencyRangeSeconds: &micro}
	want.PPS.Chip, want.PPS.Line, want.PPS.Edge = "gpiochip4", "P1_7", "falling"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if got.Log.Slog() != slog.LevelDebug {
		t.Errorf("level %v, want debug", got.Log.Slog())
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, file, want string // want: all lines of the error
	}{
		{
			"unknown key", "[server]\n\nlisten = [\":123\"]\nlisen = 1",
			"config: f.toml:4: unknown key server.lisen, did you mean server.listen?",
		},
		{
			"unknown section, once", "[sever]\nlisten = []\nrefid = 3",
			"config: f.toml:1: unknown key sever, did you mean server?",
		},
		{
			"two unknown keys", "[gnss]\nbuad = 1\n[web]\nhtp = \":443\"",
			"config: f.toml:2: unknown key gnss.buad, did you mean gnss.baud?\n" +
				"config: f.toml:4: unknown key web.htp, did you mean web.http?",
		},
		{
			"key of another section", "[clock]\nhosts = []",
			"config: f.toml:2: unknown key clock.hosts, did you mean web.hosts?",
		},
		{"key nothing is like", "[clock]\nzzzzzzzzz = 1", "config: f.toml:2: unknown key clock.zzzzzzzzz"},
		{"key of another case", "[clock]\nMonitor = true", "config: f.toml:2: unknown key clock.Monitor, did you mean clock.monitor?"},
		{"dotted key", "clock.moniter = true", "config: f.toml:1: unknown key clock.moniter, did you mean clock.monitor?"},
		{
			"key that stands in a text before", "[server]\nrefid = \"\"\"\nlisen = 1\n\"\"\"\nlisen = 1",
			"config: f.toml:5: unknown key server.lisen, did you mean server.listen?\n" +
				`config: server.refid: "lisen = 1\n": neither "auto" nor "system" nor 1 to 4 capital letters or digits`,
		},
		{"key with a comma", "[log]\n\"a b,c\" = 1", `config: f.toml: unknown key log."a b,c"`},
		{
			"number for a text", "[gnss]\nbaud = 9600\ndevice = 3",
			"config: f.toml:3: gnss.device: incompatible types: TOML value has type int64; destination has type string",
		},
		{"syntax", "[gnss]\nbaud = = 3", "config: f.toml:2: expected value but found '=' instead"},
		{"key given twice", "[gnss]\nbaud = 9600\nbaud = 4800", "config: f.toml:3: Key 'gnss.baud' has already been defined."},

		{"board", "board.kind = \"pi\"", `config: board.kind: "pi": neither "auto" nor "sim"`},
		{"relative path", "board.state = \"state\"", `config: board.state: "state": not an absolute path`},
		{"path with dots", "gnss.device = \"/dev/../etc\"", `config: gnss.device: "/dev/../etc": not an absolute path`},
		{"baud", "gnss.baud = 9601", "config: gnss.baud: 9601: neither 0 nor one of [4800 9600 19200 38400 57600 115200 230400 460800 921600]"},
		{
			"simulated receiver", "sim.receiver = \"ubx\"",
			`config: sim.receiver: no receiver "ubx": known are [nmea ubx-6 ubx-7 ubx-8 ubx-9 ubx-10 casic-1 casic-2 mtk]`,
		},
		{"pulse source", "pps.source = \"polled\"", `config: pps.source: "polled": neither "gpio" nor "kernel"`},
		{"pulse device", "pps.device = \"pps0\"", `config: pps.device: "pps0": no device of /dev`},
		{"header pin", "pps.line = \"P1_6\"", `config: pps.line: "P1_6": this header pin is GROUND, not a GPIO`},
		{"latency alone", "pps.latency_seconds = 1e-6", "config: pps.latency_seconds, pps.latency_range_seconds: one is given and the other is not"},
		{"latency in microseconds", "[pps]\nlatency_seconds = 11.7\nlatency_range_seconds = nan", "" +
			"config: pps.latency_seconds: 11.7: not from 0 to 0.001\nconfig: pps.latency_range_seconds: NaN: not from 0 to 0.001"},
		{"port", "server.listen = [\"0.0.0.0:99999\"]", `config: server.listen: "0.0.0.0:99999": port out of range`},
		{"no port", "server.listen = [\"192.0.2.1\"]", `config: server.listen: "192.0.2.1": not an IP address with a port`},
		{"named port", "server.listen = [\":ntp\"]", `config: server.listen: ":ntp": port is not a number`},
		{"name", "server.listen = [\"ntp:123\"]", `config: server.listen: "ntp:123": not an IP address`},
		{"twice", "server.listen = [\":123\", \":123\"]", `config: server.listen: ":123": given twice`},
		{"none", "server.listen = []", "config: server.listen: 0 addresses: must be from 1 to 64"},
		{"long refid", "server.refid = \"GALILEO\"", `config: server.refid: "GALILEO": neither "auto" nor "system" nor 1 to 4 capital letters or digits`},
		{"kiss code", "server.refid = \"RATE\"", `config: server.refid: "RATE": a kiss code, clients would stop asking`},
		{"limit without a unit", "server.limit = 5", "config: server.limit: 5ns: must be from 1us to 1s"},
		{"web address", "web.http = \"80\"", `config: web.http: "80": not an IP address with a port`},
		{"https address", "web.https = \"no\"", `config: web.https: "no": not an IP address with a port`},
		{"certificate without key", "web.certificate_file = \"/a.pem\"", "config: web.certificate_file, web.key_file: one is given and the other is not"},
		{"certificate somewhere", "[web]\ncertificate_file = \"a.pem\"\nkey_file = \"/a.key\"", `config: web.certificate_file: "a.pem": not an absolute path`},
		{"host with port", "web.hosts = [\"a.example:80\"]", `config: web.hosts: "a.example:80": not a host name (lower case, without port)`},
		{"level", "log.level = \"loud\"", `config: log.level: "loud": none of "debug", "info", "warn", "error"`},
		{
			"keys and values together", "[log]\nlevle = \"info\"\n[server]\nkappa = 0.5",
			"config: f.toml:2: unknown key log.levle, did you mean log.level?\nconfig: server.kappa: 0.5: must be from 1 to 100",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("f.toml", []byte(tt.file))
			if err == nil {
				t.Fatal("it was taken")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(filepath.Join(dir, "absent.toml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("absent file: %v, want ErrNotExist", err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a directory was taken")
	}
	large := filepath.Join(dir, "large.toml")
	if err := os.WriteFile(large, slices.Repeat([]byte("\n"), maxSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(large); err == nil || !strings.Contains(err.Error(), "more than 65536 bytes") {
		t.Errorf("large file: %v, want its size refused", err)
	}
}

func TestHugeFileIsRefusedSoon(t *testing.T) {
	var file strings.Builder
	for n := 0; file.Len() < maxSize-100; n++ {
		fmt.Fprintf(&file, "k%d=1\n", n)
	}
	_, err := Parse("f.toml", []byte(file.String()))
	lines := strings.Split(fmt.Sprint(err), "\n")
	if len(lines) != maxUnknown+1 || !strings.HasSuffix(lines[maxUnknown], "and more unknown keys") {
		t.Errorf("%d lines ending in %q, want %d", len(lines), lines[len(lines)-1], maxUnknown+1)
	}
}

func TestCheck(t *testing.T) {
	var out strings.Builder
	if err := Check(example, &out); err != nil || out.String() != example+": well\n" {
		t.Errorf("Check = %v, %q", err, out.String())
	}
	out.Reset()
	if err := Check("/absent", &out); err == nil || out.String() != "config: open /absent: no such file or directory\n" {
		t.Errorf("Check = %v, %q", err, out.String())
	}
}

// FuzzParse: a file can be anything; it is refused, or what it says is valid.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(example)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(data))
	for _, s := range []string{
		"[server]\nlisten = [\":0\"]", "a.b.c = 1", "[[server]]\nx = 1", "\"\" = 1", "[server.listen]\nx = 2",
		"server = 3", "\"a,b\\\"c\" = {d = 1}", "[pps]\nConfig = {line = \"4\"}", "[pps.Config]\nline = \"4\"",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data string) {
		c, err := Parse("fuzz", []byte(data))
		if err == nil && c.Validate() != nil {
			t.Errorf("taken and not valid: %v", c.Validate())
		}
	})
}

func TestTextMeansTheSame(t *testing.T) {
	c := Default()
	c.Server.Limit, c.PPS.LatencySeconds, c.PPS.LatencyRangeSeconds, c.Alarm.Webhook = 250*time.Microsecond, new(1e-6), new(1e-7), "https://x/"
	got, err := Parse("written", []byte(c.Text()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, c.Text())
	}
	if diff := cmp.Diff(c, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}
