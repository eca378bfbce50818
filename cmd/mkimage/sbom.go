package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// A bill of materials in CycloneDX 1.5, https://cyclonedx.org/docs/1.5/json/.
type bom struct {
	Format     string      `json:"bomFormat"`
	Spec       string      `json:"specVersion"`
	Version    int         `json:"version"`
	Metadata   metadata    `json:"metadata"`
	Components []component `json:"components"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type     string     `json:"type"`
	Name     string     `json:"name"`
	Version  string     `json:"version,omitempty"`
	PURL     string     `json:"purl,omitempty"`
	Licences []licence  `json:"licenses,omitempty"`
	Hashes   []hash     `json:"hashes,omitempty"`
	Refs     []external `json:"externalReferences,omitempty"`
	Parts    []property `json:"properties,omitempty"`
}

type licence struct {
	Licence struct {
		ID   string `json:"id,omitempty"`
		Name string `json:"name,omitempty"`
	} `json:"license"`
}

type hash struct {
	Algorithm string `json:"alg"`
	Content   string `json:"content"`
}

type external struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// bill returns the bill of materials: each module once, with the programs it is part of.
func (b *build) bill() ([]byte, error) {
	list := bom{
		Format: "CycloneDX", Spec: "1.5", Version: 1,
		Metadata: metadata{b.date.Format(time.RFC3339), component{Type: "firmware", Name: "timeball", Version: b.version, Licences: spdx("Apache-2.0")}},
	}
	kernel, err := ofModule("operating-system", b.kernel)
	if err != nil {
		return nil, err
	}
	kernel.Licences = spdx("GPL-2.0-only")
	firmware, err := ofModule("firmware", b.firmware)
	if err != nil {
		return nil, err
	}
	firmware.Licences = []licence{{}}
	firmware.Licences[0].Licence.Name = "Broadcom, for use with Raspberry Pi devices"
	list.Components = []component{kernel, firmware, {Type: "library", Name: "std", Version: b.goVersion(), PURL: "pkg:golang/std@" + b.goVersion(), Licences: spdx("BSD-3-Clause")}}
	for _, m := range b.modules {
		c, err := ofModule("library", m)
		if err != nil {
			return nil, err
		}
		c.Parts = b.users(m.Path)
		list.Components = append(list.Components, c)
	}
	out, err := json.MarshalIndent(list, "", "\t")
	return append(out, '\n'), err
}

func spdx(id string) []licence {
	l := licence{}
	l.Licence.ID = id
	return []licence{l}
}

// ofModule describes a module. Its hash is that of go.sum, SHA-256 over the sorted list of its files' own.
func ofModule(kind string, m module) (component, error) {
	sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil {
		return component{}, fmt.Errorf("%s: sum %q: %w", m.Path, m.Sum, err)
	}
	return component{
		Type: kind, Name: m.Path, Version: m.Version, PURL: "pkg:golang/" + m.Path + "@" + m.Version,
		Hashes: []hash{{"SHA-256", hex.EncodeToString(sum)}},
		Refs:   []external{{"distribution", "https://pkg.go.dev/" + m.Path + "@" + m.Version}},
	}, nil
}

// users names the programs that a module is part of.
func (b *build) users(path string) []property {
	var users []property
	for _, p := range b.programs {
		for _, dep := range p.info.Deps {
			if dep.Path == path {
				users = append(users, property{"timeball:program", "/" + p.path})
			}
		}
	}
	return users
}
