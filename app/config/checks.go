package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// minSecret is the least length of auth.jwt_secret in bytes: a key of HS256 should not be shorter than its hash.
const minSecret = 32

// inProcess is the bus.url of the bus inside the process.
const inProcess = "memory://"

// check applies a rule of a field's check tag to its value.
func check(rule string, v any) error {
	text, _ := v.(string)
	switch rule {
	case "":
		return nil
	case "given":
		return checkGiven(text)
	case "address":
		return checkAddress(text)
	case "address-or-off":
		if text == "" {
			return nil
		}
		return checkAddress(text)
	case "origins":
		origins, _ := v.([]string)
		return checkOrigins(origins)
	case "database":
		return checkDatabase(text)
	case "bus":
		return checkBus(text)
	case "prefix":
		return checkPrefix(text)
	case "secret":
		return checkSecret(text)
	}
	if choices := strings.Split(rule, "|"); len(choices) > 1 {
		return checkChoice(text, choices)
	}
	return fmt.Errorf("has a rule that does not exist: %s", rule)
}

func checkGiven(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("must not be empty")
	}
	return nil
}

// checkAddress wants host:port, of which the host may be missing.
func checkAddress(s string) error {
	const form = "must be host:port, such as 127.0.0.1:8080, or :8080 for every interface"
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return errors.New(form)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("has no valid port: %q is not a number from 0 to 65535", port)
	}
	if _, err := netip.ParseAddr(host); host != "" && err != nil && !isHostname(host) {
		return errors.New(form)
	}
	return nil
}

func isHostname(s string) bool {
	ok, _ := regexp.MatchString(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$`, s)
	return ok && len(s) <= 253
}

// checkOrigins wants origins as browsers send them, since they are compared letter by letter.
func checkOrigins(origins []string) error {
	for _, o := range origins {
		if o == "*" {
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			return fmt.Errorf("%q is not an origin such as https://chat.example.com", o)
		}
		if exact := strings.ToLower(u.Scheme + "://" + u.Host); o != exact {
			return fmt.Errorf("%q is not an origin as browsers send it; write %s", o, exact)
		}
	}
	return nil
}

func checkDatabase(s string) error {
	if path, ok := strings.CutPrefix(s, "sqlite://"); ok {
		switch {
		case path == "":
			return errors.New("names no file; write sqlite://PATH")
		case strings.Contains(path, ":memory:"):
			return errors.New("a database in memory is not supported; name a file")
		case strings.ContainsAny(path, "?#"):
			return errors.New("a sqlite:// URL is a path alone, without parameters")
		}
		return nil
	}
	if !strings.HasPrefix(s, "postgres://") && !strings.HasPrefix(s, "postgresql://") {
		return errors.New("must begin with sqlite:// or postgres://")
	}
	if _, err := url.Parse(s); err != nil {
		return errors.New("is not a valid URL: " + urlFault(err))
	}
	return nil
}

func checkBus(s string) error {
	if s == inProcess {
		return nil
	}
	if !strings.HasPrefix(s, "amqp://") && !strings.HasPrefix(s, "amqps://") {
		return errors.New("must be memory://, or begin with amqp:// or amqps://")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("is not a valid URL: " + urlFault(err))
	case u.Hostname() == "":
		return errors.New("names no host")
	}
	return nil
}

// urlFault is why a URL cannot be read, without the URL: it may hold a password.
func urlFault(err error) string {
	var u *url.Error
	if !errors.As(err, &u) {
		return "it cannot be read"
	}
	if escape := url.EscapeError(""); errors.As(u.Err, &escape) {
		return "a % that is meant literally, say in a password, is written %25"
	}
	if strings.Contains(u.Err.Error(), "port") {
		return "what follows the host's colon is not a port; a special character in the password is written as %XX"
	}
	return "special characters in user or password are written as %XX"
}

func checkPrefix(s string) error {
	if ok, _ := regexp.MatchString(`^[A-Za-z0-9._-]{1,64}$`, s); !ok {
		return errors.New("must be 1 to 64 letters, digits, dots, hyphens or underscores")
	}
	return nil
}

func checkSecret(s string) error {
	if s != "" && len(s) < minSecret {
		return fmt.Errorf("must have at least %d bytes, has %d; make one with: openssl rand -base64 48", minSecret, len(s))
	}
	return nil
}

func checkChoice(s string, choices []string) error {
	if slices.Contains(choices, s) {
		return nil
	}
	last := len(choices) - 1
	return fmt.Errorf("must be %s or %s, not %q", strings.Join(choices[:last], ", "), choices[last], s)
}

// checkBounds compares a number or duration with the texts of min and max tags.
func checkBounds(v any, lo, hi string) error {
	if lo == "" && hi == "" {
		return nil
	}
	var within bool
	switch v := v.(type) {
	case int:
		within = between(v, lo, hi, parseInt)
	case uint32:
		within = between(v, lo, hi, parseUint32)
	case time.Duration:
		within = between(v, lo, hi, parseDuration)
	}
	if within {
		return nil
	}
	shown, _ := format(v)
	return fmt.Errorf("must be from %s to %s, not %s", lo, hi, shown[0])
}

func between[T int | uint32 | time.Duration](v T, lo, hi string, parse func(string) (T, error)) bool {
	least, err1 := parse(lo)
	most, err2 := parse(hi)
	return err1 == nil && err2 == nil && least <= v && v <= most
}
