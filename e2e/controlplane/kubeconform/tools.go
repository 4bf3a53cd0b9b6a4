//go:build tools

// Package tools pins the kubeconform that checks the rendered chart.
package tools

import _ "github.com/yannh/kubeconform/cmd/kubeconform"
