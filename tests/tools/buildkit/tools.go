//go:build tools

// Package buildkit pins the BuildKit that the system tests talk to. `go install` of a version refuses BuildKit, whose
// go.mod has exclude lines; a module that requires it builds.
package buildkit

import (
	_ "github.com/moby/buildkit/cmd/buildctl"
	_ "github.com/moby/buildkit/cmd/buildkitd"
)
