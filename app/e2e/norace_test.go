//go:build !race

package e2e

// buildFlags: the program under test is built as it is released.
var buildFlags []string
