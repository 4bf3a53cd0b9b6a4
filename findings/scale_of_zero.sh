#!/bin/bash
# Guess: a workload's /scale always says how many replicas it wants, so a JSON patch of /spec/replicas
# that is guarded by a `test` of the number just read works from any number, zero among them.
#
# Seen: from zero it never does. `replicas` of autoscaling/v1's ScaleSpec is left out of JSON when it
# is 0, and the API server patches the document without it, so that a `test` for 0 finds another value
# than 0. What tells zero is a `test` for null. The write itself works: this patcher's `replace` does
# not mind that the path is missing, although RFC 6902 (4.3) has it that the target must exist.
#
# k8s.io/api 0.36.3 (Kubernetes 1.36.3) and gopkg.in/evanphx/json-patch.v4 4.13.0, the patcher that
# k8s.io/apiserver 0.36.3 requires. Needs Go. Exits with 1 if any of this changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
export GOPATH=$folder/go GOCACHE=$folder/cache GOFLAGS=-mod=mod

cat >main.go <<'GO'
package main

import (
	"encoding/json"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	autoscaling "k8s.io/api/autoscaling/v1"
)

func main() {
	for _, replicas := range []int32{3, 0} {
		scale, err := json.Marshal(autoscaling.Scale{Spec: autoscaling.ScaleSpec{Replicas: replicas}})
		if err != nil {
			panic(err)
		}
		for _, operation := range []string{
			fmt.Sprintf(`{"op": "test", "path": "/spec/replicas", "value": %d}`, replicas),
			`{"op": "replace", "path": "/spec/replicas", "value": 4}`,
			`{"op": "test", "path": "/spec/replicas", "value": null}`,
			`{"op": "add", "path": "/spec/replicas", "value": 4}`,
		} {
			patch, err := jsonpatch.DecodePatch([]byte("[" + operation + "]"))
			if err != nil {
				panic(err)
			}
			outcome := "works"
			if _, err := patch.Apply(scale); err != nil {
				outcome = "fails"
			}
			fmt.Printf("from %d, %s: %s\n", replicas, operation, outcome)
		}
	}
}
GO

go mod init finding >/dev/null 2>&1
go get k8s.io/api@v0.36.3 gopkg.in/evanphx/json-patch.v4@v4.13.0 >/dev/null 2>&1
go run . | tee seen

cat >expected <<'TEXT'
from 3, {"op": "test", "path": "/spec/replicas", "value": 3}: works
from 3, {"op": "replace", "path": "/spec/replicas", "value": 4}: works
from 3, {"op": "test", "path": "/spec/replicas", "value": null}: fails
from 3, {"op": "add", "path": "/spec/replicas", "value": 4}: works
from 0, {"op": "test", "path": "/spec/replicas", "value": 0}: fails
from 0, {"op": "replace", "path": "/spec/replicas", "value": 4}: works
from 0, {"op": "test", "path": "/spec/replicas", "value": null}: works
from 0, {"op": "add", "path": "/spec/replicas", "value": 4}: works
TEXT
diff expected seen && echo "As written above."
