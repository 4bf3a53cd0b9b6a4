//go:build tools

// Package tools pins kwok, whose nodes and pods exist in the API alone: benchmarks of large fleets use it.
package tools

import _ "sigs.k8s.io/kwok/cmd/kwok"
