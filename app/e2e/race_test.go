//go:build race

package e2e

// buildFlags has the program under test watched by the race detector whenever its tests are.
var buildFlags = []string{"-race"}
