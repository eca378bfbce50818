// Package openapi is the description of a unit's API for machines: OpenAPI 3.0, as it is served.
//
// What is asked where is written by hand in paths.json; the schemas are made from the types of web/api and their comments.
// A test holds the two together: go test ./web/openapi -update writes openapi.json anew.
package openapi

import _ "embed"

// Document is the description as JSON.
//
//go:embed openapi.json
var Document []byte
