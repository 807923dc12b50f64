package client

import (
	"net/http"
	"strings"
)

// policy lets the client load what this server serves, talk to this server, and nothing else: no inline scripts or styles, no other
// sites, in no other site's frame. Text becomes HTML only through a policy of trusted types, of which Vue's own is the only one.
var policy = strings.Join([]string{
	"default-src 'none'",
	"script-src 'self'",
	"style-src 'self'",
	"img-src 'self'",
	"font-src 'self'",
	"connect-src 'self'",
	"manifest-src 'self'",
	"base-uri 'none'",
	"form-action 'none'",
	"frame-ancestors 'none'",
	"require-trusted-types-for 'script'",
	"trusted-types vue",
}, "; ")

// permissions turns off what the client does not use of the browser, whoever asks for it.
var permissions = strings.Join([]string{
	"accelerometer=()", "browsing-topics=()", "camera=()", "display-capture=()", "geolocation=()", "gyroscope=()", "hid=()",
	"idle-detection=()", "magnetometer=()", "microphone=()", "midi=()", "payment=()", "publickey-credentials-get=()",
	"screen-wake-lock=()", "serial=()", "usb=()", "xr-spatial-tracking=()",
}, ", ")

// protect sets what keeps the client, and those who use it, from other sites.
func protect(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("Permissions-Policy", permissions)
	header.Set("X-Frame-Options", "DENY") // for browsers that do not know frame-ancestors
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}
