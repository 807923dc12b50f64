package telemetry

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// Build is what the program was built from. Parts that the build does not know are empty.
type Build struct {
	Version  string // "v1.2.3", or "dev"
	Revision string // commit, with "+changes" if the tree had some
	Time     string // of the commit
	Go       string // version of Go
	Platform string // "linux/amd64"
}

// ReadBuild asks the executable what it was built from. A version given by the linker goes before the one that Go recorded.
func ReadBuild(version string) Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return read(version, info)
}

func read(version string, info *debug.BuildInfo) Build {
	b := Build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value + b.Revision
		case "vcs.modified":
			if s.Value == "true" {
				b.Revision += "+changes"
			}
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}

// String is the build on one line: "parley v1.2.3 (4f2a…, 2026-01-02T03:04:05Z, go1.26, linux/amd64)".
func (b Build) String() string {
	var parts []string
	for _, p := range []string{b.Revision, b.Time, b.Go, b.Platform} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return fmt.Sprintf("parley %s (%s)", b.Version, strings.Join(parts, ", "))
}
