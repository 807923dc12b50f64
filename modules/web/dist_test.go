package client

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// links are the addresses that a page loads something from, or leads to.
var links = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

// TestThePolicyHolds: what the policy would keep a browser from doing is not in the client in the first place.
func TestThePolicyHolds(t *testing.T) {
	t.Parallel()
	for _, forbidden := range []string{"unsafe", "*", "http:", "https:", "data:", "blob:"} {
		require.NotContains(t, policy, forbidden)
	}
	h, err := New()
	require.NoError(t, err)
	w := request(t, h, http.MethodGet, "/", "Accept", browser)
	require.Equal(t, http.StatusOK, w.Code)
	html := w.Body.String()
	require.Contains(t, html, "<title>Parley</title>")
	require.NotRegexp(t, `<script[^>]*>[^<]`, html, "no script within the page")
	require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=`, html, "no style and no handler within the page")
	require.NotRegexp(t, `<base|http-equiv`, html, "what the server says about the page is not said again")
	found := links.FindAllStringSubmatch(html, -1)
	require.NotEmpty(t, found)
	for _, link := range found {
		require.True(t, strings.HasPrefix(link[1], "/") && !strings.HasPrefix(link[1], "//"), "%s depends on the view, or is another site's", link[1])
		require.Equal(t, http.StatusOK, request(t, h, http.MethodGet, link[1]).Code, link[1])
	}
}

// TestNamesOfFilesThatAreKeptHaveAHash: browsers never ask for them again, so that what is in them must not change.
func TestNamesOfFilesThatAreKeptHaveAHash(t *testing.T) {
	t.Parallel()
	h, err := New()
	require.NoError(t, err)
	served, ok := h.(handler)
	require.True(t, ok)
	for path, f := range served {
		if f.cacheControl == keep {
			require.Regexp(t, `[\w-]{8,}\.\w+(\.map)?$`, path)
		}
	}
}
