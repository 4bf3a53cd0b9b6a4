//go:build tools

// Package tools pins the OCI registry that charts and images are pushed to and pulled from in tests.
package tools

import _ "github.com/distribution/distribution/v3/cmd/registry"
