package words

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestCatalogueIsCompleteInBothLanguages(t *testing.T) {
	count := 0
	for _, s := range sections {
		for key, e := range s {
			count++
			if strings.TrimSpace(e.en) == "" || strings.TrimSpace(e.zh) == "" {
				t.Errorf("%s: %q and %q: a language has no text", key, e.en, e.zh)
			}
			if en, zh := placeholders(e.en), placeholders(e.zh); !slices.Equal(en, zh) {
				t.Errorf("%s: %v in English and %v in Chinese: the placeholders differ", key, en, zh)
			}
			if strings.ContainsFunc(e.en, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: %q: Chinese where English should be", key, e.en)
			}
		}
	}
	if count != len(catalogue()) {
		t.Errorf("%d texts have %d keys: a key is there twice", count, len(catalogue()))
	}
}

// Chinese sentences take full-width marks; a figure keeps its own.
var halfWidth = regexp.MustCompile(`\p{Han}[,;:?!]|[,;:?!]\p{Han}`)

func TestChineseTakesFullWidthMarks(t *testing.T) {
	for key, e := range catalogue() {
		if found := halfWidth.FindString(e.zh); found != "" {
			t.Errorf("%s: %q has a half-width mark at %q", key, e.zh, found)
		}
	}
}

func TestSayFillsIn(t *testing.T) {
	en, zh := In(English), In(Chinese)
	for _, tt := range []struct{ got, want string }{
		{en.Say("verdict.bound", "bound", "1.9 µs"), "error at most 1.9 µs"},
		{zh.Say("verdict.bound", "bound", "1.9 微秒"), "误差不超过 1.9 微秒"},
		{Words{}.Say("verdict.good"), "Time is good:"},
		{In("fr").Say("verdict.good"), "Time is good:"},
		{en.Say("verdict.bound", "bound", "{span}", "span", "x"), "error at most {span}"},
		{en.Say("verdict.bound"), "error at most {bound}"},
		{en.Say("nobody says this"), "nobody says this"},
		{fill("a { b", nil), "a { b"},
		{en.Count("verdict.satellites", 1), "1\u00a0satellite"},
		{en.Count("verdict.satellites", 14), "14\u00a0satellites"},
		{zh.Count("verdict.satellites", 14), "14\u00a0颗卫星"},
		{zh.Prose("3\u00a0d\u00a04\u00a0h"), "3\u00a0天\u00a04\u00a0小时"},
		{zh.Prose("1.9\u00a0µs"), "1.9\u00a0微秒"},
		{en.Prose("1.9\u00a0µs"), "1.9\u00a0µs"},
		{zh.Stop(zh.List("a", "", "b")), "a，b。"},
		{en.Stop("is it?"), "is it?"},
		{en.Clauses("a", "b"), "a; b"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, tt := range []struct {
		query, cookie, accept string
		want                  Lang
	}{
		{"", "", "", English},
		{"", "", "zh-CN,zh;q=0.9,en;q=0.8", Chinese},
		{"", "", "en-GB,en;q=0.9,zh;q=0.8", English},
		{"", "", "fr, zh;q=0.5", Chinese},
		{"", "", "zh;q=0, en;q=0.1", English},
		{"", "", "zh;q=x", English},
		{"zh", "en", "en", Chinese},
		{"", "zh", "en", Chinese},
		{"en", "zh", "zh", English},
		{"klingon", "zh", "en", Chinese},
		{"", "", strings.Repeat(",", 1<<20) + "zh", English},
	} {
		if got := Choose(tt.query, tt.cookie, tt.accept); got != tt.want {
			t.Errorf("Choose(%q, %q, %.40q) = %s, want %s", tt.query, tt.cookie, tt.accept, got, tt.want)
		}
	}
}

func TestHeardKnowsWhatTheUnitSays(t *testing.T) {
	zh := In(Chinese)
	for _, tt := range []struct{ en, zh string }{
		{"no pulse", "没有秒脉冲"},
		{"no pulse on GPIO18", "GPIO18 上没有秒脉冲"},
		{"another program moved the clock by 0.8 s", "另一程序将时钟移动了 0.8 秒"},
		{"the receiver finds no antenna: it draws no current", "接收机未检测到天线：天线无电流"},
		{"the receiver hears jamming; signals are 12 dB weaker than before", "接收机检测到干扰；信号比此前弱 12 dB"},
		{"ttyAMA0 at 9600 baud, but nothing about a fix; no pulse on GPIO4", "ttyAMA0，9600 波特，但没有定位信息；GPIO4 上没有秒脉冲"},
		{"the receiver's messages do not tell the second: delay has moved", "接收机报文无法确定秒：报文延迟发生了变化"},
		{"nothing arrives on ttyAMA0; nothing arrives on ttyS0; no pulse comes", "ttyAMA0 没有数据；ttyS0 没有数据；没有秒脉冲"},
		{"a leap second before 2027-01-01 was made", "2027-01-01 之前的闰秒已完成"},
		{"<b>something new</b>", "<b>something new</b>"},
		{strings.Repeat("no pulse; ", 100), strings.Repeat("no pulse; ", 100)},
		{"", ""},
	} {
		if got := zh.Heard(tt.en); got != tt.zh {
			t.Errorf("Heard(%.80q) = %.80q, want %.80q", tt.en, got, tt.zh)
		}
		if got := In(English).Heard(tt.en); got != tt.en {
			t.Errorf("in English Heard(%.80q) = %.80q", tt.en, got)
		}
	}
}

func TestPhrasesHaveTheSameGaps(t *testing.T) {
	for _, p := range phrases {
		if en, zh := placeholders(p.en), placeholders(p.zh); !slices.Equal(en, zh) || p.zh == "" {
			t.Errorf("%q: %v in English and %v in Chinese", p.en, en, zh)
		}
	}
}

// Who rewords a sentence of the unit finds here that its translation is lost. Sentences are put together from pieces in
// the code, so each piece of some length is looked for.
func TestPhrasesAreStillSaid(t *testing.T) {
	code := source(t, "../../gnss", "../../pps", "../../server/ntp", "../../cmd/internal/appliance", "../../cmd/internal/witness", "../../cmd/internal/boot")
	for _, p := range phrases {
		for _, piece := range regexp.MustCompile(`\{\w+\}|, but |[;:] `).Split(p.en, -1) {
			if piece = strings.TrimSpace(piece); len(piece) >= 12 && !strings.Contains(code, strings.TrimPrefix(piece, "a leap second ")) &&
				!strings.Contains(code, strings.TrimPrefix(piece, "a second left out ")) && !strings.Contains(code, strings.TrimSuffix(piece, " at any baud rate")) {
				t.Errorf("nobody says %q of %q any more", piece, p.en)
			}
		}
	}
}

func source(t *testing.T, dirs ...string) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			b.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func FuzzHeard(f *testing.F) {
	f.Add("the receiver hears jamming; signals are 12 dB weaker than before")
	f.Fuzz(func(t *testing.T, text string) {
		In(Chinese).Heard(text)
	})
}
