package testenv

import (
	"context"
	"fmt"
	"os/exec"
)

// chromiums are the names under which systems have Chromium, or Chrome, which is as good.
var chromiums = []string{
	"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
	"/Applications/Chromium.app/Contents/MacOS/Chromium",
	"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
}

// Chromium returns the path of the browser in which tests run, and installs it before if it is missing and that is allowed: with
// fonts for letters and for emoji, which a machine that has no screen may lack.
func Chromium(ctx context.Context) (string, error) {
	if path, found := findChromium(); found {
		return path, nil
	}
	if err := installOrSay(ctx, "chromium", "fonts-liberation", "fonts-noto-color-emoji"); err != nil {
		return "", fmt.Errorf("the tests of the web client need Chromium or Chrome: %w", err)
	}
	path, found := findChromium()
	if !found {
		return "", fmt.Errorf("the package chromium was installed, but brought none of %v", chromiums)
	}
	return path, nil
}

func findChromium() (path string, found bool) {
	for _, name := range chromiums {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}
