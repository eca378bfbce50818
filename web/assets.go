package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"timeball/web/page"
)

//go:embed assets
var assetFiles embed.FS

// assets are the files beside the page. Their URLs carry a hash of their content, so a browser keeps them for good and
// never shows a page of one build with the script of another.
type assets struct {
	site  page.Site
	form  string // URL of the style of the pages with forms
	byURL map[string]asset
}

type asset struct {
	kind        string
	plain, gzip []byte
}

func newAssets() *assets {
	a := &assets{byURL: map[string]asset{}}
	all := sha256.New()
	all.Write([]byte(page.Fingerprint()))
	add := func(name, kind string) string {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // it is embedded
		}
		all.Write(content)
		sum := sha256.Sum256(content)
		base, ext, _ := strings.Cut(name, ".")
		url := fmt.Sprintf("/assets/%s.%x.%s", base, sum[:6], ext)
		a.byURL[url] = asset{kind, content, compress(content)}
		return url
	}
	a.site.Style = add("page.css", "text/css; charset=utf-8")
	a.form = add("form.css", "text/css; charset=utf-8")
	a.site.Scripts = []string{add("page.js", "text/javascript; charset=utf-8")}
	a.site.Icon = add("timeball.svg", "image/svg+xml")
	a.site.Build = hex.EncodeToString(all.Sum(nil)[:6])
	return a
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	file, ok := a.byURL[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	write(w, r, file.kind, file.plain, file.gzip)
}

// write answers with content, compressed when the client takes it. packed is content compressed, nil when that has still
// to be done.
func write(w http.ResponseWriter, r *http.Request, kind string, content, packed []byte) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Add("Vary", "Accept-Encoding")
	if takesGzip(r) {
		if packed == nil {
			packed = compress(content)
		}
		h.Set("Content-Encoding", "gzip")
		content = packed
	}
	h.Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content) // a client that went away is its own loss
}

func takesGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";")
		if strings.EqualFold(name, "gzip") {
			return !strings.HasPrefix(weight, "q=0") || strings.Trim(weight, "q=0.") != ""
		}
	}
	return false
}

func compress(content []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(content) // to memory: it can not fail
	z.Close()
	return b.Bytes()
}
