package openapi

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// object is a piece of JSON.
type object = map[string]any

// enums are the values of fields that have few.
var enums = map[string][]string{
	"Status.mode":        {"free-running", "acquiring", "locked", "holdover", "quarantine"},
	"Status.leap":        {"none", "insert", "delete", "unsynchronized"},
	"Condition.severity": {"inform", "alarm", "holdover"},
	"LeapSeconds.listed": {"none", "insert", "delete"},
	"Witness.state":      {"agrees", "disagrees", "not compared", "waiting", "silent", "kept"},
	"Event.severity":     {"alarm", "warning", "note"},
	"History.span":       {"hour", "day", "month"},
}

// schemas makes the schemas of all types of web/api that are written as JSON, and lists fields without a description.
func schemas(t *testing.T) (all object, silent []string) {
	t.Helper()
	names, err := filepath.Glob("../api/*.go")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d files of web/api: %v", len(names), err)
	}
	all = object{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range g.Specs {
				s, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				about := strings.TrimSpace(g.Doc.Text())
				if fields, ok := s.Type.(*ast.StructType); ok {
					schema, missing := structure(s.Name.Name, fields)
					schema["description"] = about
					all[s.Name.Name] = schema
					silent = append(silent, missing...)
					continue
				}
				schema := schemaOf(s.Type)
				schema["description"] = about
				all[s.Name.Name] = schema
			}
		}
	}
	// Unknown values within a column are null.
	all["Numbers"].(object)["items"] = object{"type": "number", "nullable": true}
	return all, silent
}

func structure(name string, s *ast.StructType) (schema object, silent []string) {
	properties, required := object{}, []string{}
	for _, f := range s.Fields.List {
		tag, options, _ := strings.Cut(reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json"), ",")
		if tag == "-" {
			continue
		}
		schema := schemaOf(f.Type)
		about := strings.TrimSpace(f.Comment.Text())
		if about == "" {
			about = strings.TrimSpace(f.Doc.Text())
		}
		if about == "" {
			silent = append(silent, name+"."+tag)
		}
		if values := enums[name+"."+tag]; values != nil {
			schema["enum"] = values
		}
		schema["description"] = about
		properties[tag] = schema
		if options != "omitempty" {
			required = append(required, tag)
		}
	}
	return object{"type": "object", "properties": properties, "required": required}, silent
}

// schemaOf returns the schema of a Go type as encoding/json writes it.
func schemaOf(e ast.Expr) object {
	switch e := e.(type) {
	case *ast.Ident:
		switch e.Name {
		case "string":
			return object{"type": "string"}
		case "bool":
			return object{"type": "boolean"}
		case "float64", "float32":
			return object{"type": "number"}
		case "int", "int64", "uint64":
			return object{"type": "integer", "format": "int64"}
		}
		return object{"allOf": []any{object{"$ref": "#/components/schemas/" + e.Name}}}
	case *ast.StarExpr:
		s := schemaOf(e.X)
		s["nullable"] = true
		return s
	case *ast.ArrayType:
		return object{"type": "array", "nullable": true, "items": schemaOf(e.Elt)}
	case *ast.MapType:
		return object{"type": "object", "additionalProperties": schemaOf(e.Value)}
	}
	panic(fmt.Sprintf("%T: no schema for this type", e))
}

// document puts paths and schemas together.
func document(t *testing.T, schemas object) []byte {
	t.Helper()
	text, err := os.ReadFile("paths.json")
	if err != nil {
		t.Fatal(err)
	}
	var paths object
	if err := json.Unmarshal(text, &paths); err != nil {
		t.Fatal(err)
	}
	query := func(name, about string, schema object) object {
		return object{"name": name, "in": "query", "description": about, "schema": schema}
	}
	plain := func(about string) object {
		return object{"description": about, "content": object{"text/plain": object{"schema": object{"type": "string"}}}}
	}
	whole := object{
		"openapi": "3.0.3",
		"info": object{
			"title": "Timeball", "version": "1",
			"description": "A GPS/BeiDou stratum-1 time server. Unknown values are null, never 0; every number carries its unit in its name; no value is rounded. " +
				"Names are never renamed; new ones come, so a reader passes over what it does not know.",
		},
		"servers": []any{object{"url": "/"}},
		"paths":   paths,
		"components": object{
			"schemas":         schemas,
			"securitySchemes": object{"token": object{"type": "http", "scheme": "bearer", "description": "A token made on the account's page, over https only; a browser's session counts as well."}},
			"parameters": object{
				"Span":   query("span", "How far back.", object{"type": "string", "enum": []string{"hour", "day", "month"}, "default": "hour"}),
				"Series": query("series", "Names with commas between; all without it.", object{"type": "string"}),
				"Points": query("points", "Buckets wanted at most: neighbours are merged.", object{"type": "integer", "minimum": 1}),
				"Format": query("format", "Of the answer.", object{"type": "string", "enum": []string{"json", "csv"}}),
			},
			"responses": object{
				"Refused": plain("Why not, in words."),
				"Result":  object{"description": "What became of it.", "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Result"}}}},
			},
		},
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(whole); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDocumentIsThatOfTheTypes(t *testing.T) {
	all, silent := schemas(t)
	for _, name := range silent {
		t.Errorf("%s has no comment that describes it", name)
	}
	want := document(t, all)
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(want, Document) {
		t.Error("openapi.json is not what the types of web/api say: go test ./web/openapi -update")
	}
}

func TestDocumentIsValid(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(Document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	for name, reference := range doc.Components.Schemas {
		if reference.Value.Description == "" {
			t.Errorf("%s has no description", name)
		}
	}
}

// A name that has a number carries its unit, as the contract says.
func TestNumbersCarryTheirUnit(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(Document)
	if err != nil {
		t.Fatal(err)
	}
	unit := regexp.MustCompile(`(_(seconds|nanoseconds|ratio|celsius|degrees|dbhz|bytes)|utilisation)$`)
	for name, s := range doc.Components.Schemas["Status"].Value.Properties {
		if s.Value.Type != nil && s.Value.Type.Is("number") && !unit.MatchString(name) {
			t.Errorf("status.%s is a number without a unit", name)
		}
	}
}
