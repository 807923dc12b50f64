package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"parley/app/registry"
)

// value is what a source says for a key: one text, or a list.
type value struct {
	text string
	list []string // nil unless written as a list
}

// items are the parts of a list, whether it was written as one or as text with commas.
func (v value) items() []string {
	if v.list != nil {
		return v.list
	}
	if strings.TrimSpace(v.text) == "" {
		return nil
	}
	parts := strings.Split(v.text, ",")
	for i, p := range parts {
		parts[i] = strings.TrimSpace(p)
	}
	return parts
}

// parse reads v into the field to which dst points. Its errors do not repeat the value, which may be a secret.
func parse(dst any, v value) error {
	switch dst := dst.(type) {
	case *[]string:
		*dst = v.items()
		return nil
	case *[]registry.Role:
		return parseList(dst, v, parseRole)
	case *[]netip.Prefix:
		return parseList(dst, v, parsePrefix)
	}
	if v.list != nil {
		return errors.New("takes one value, not a list")
	}
	switch dst := dst.(type) {
	case *string:
		*dst = v.text
		return nil
	case *bool:
		return assign(dst, v.text, parseBool)
	case *int:
		return assign(dst, v.text, parseInt)
	case *uint32:
		return assign(dst, v.text, parseUint32)
	case *time.Duration:
		return assign(dst, v.text, parseDuration)
	case *slog.Level:
		return assign(dst, v.text, parseLevel)
	}
	return fmt.Errorf("has a type that is not supported: %T", dst)
}

func assign[T any](dst *T, text string, parse func(string) (T, error)) error {
	parsed, err := parse(strings.TrimSpace(text))
	if err == nil {
		*dst = parsed
	}
	return err
}

func parseList[T any](dst *[]T, v value, parse func(string) (T, error)) error {
	var parsed []T
	var errs []error
	for _, item := range v.items() {
		one, err := parse(item)
		parsed = append(parsed, one)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	*dst = parsed
	return nil
}

func parseRole(s string) (registry.Role, error) {
	for _, r := range registry.AllRoles() {
		if s == string(r) {
			return r, nil
		}
	}
	return "", fmt.Errorf("unknown role %q; the roles are api, worker and socket", s)
}

// parsePrefix takes a CIDR, or one address.
func parsePrefix(s string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a CIDR such as 10.0.0.0/8", s)
	}
	if p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q has bits set beyond its length; did you mean %s?", s, p.Masked())
	}
	return p, nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("must be true or false, not %q", s)
}

func parseInt(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("must be a whole number, not %q", s)
	}
	return n, nil
}

func parseUint32(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("must be a whole number from 0 to 4294967295, not %q", s)
	}
	return uint32(n), nil
}

func parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("must be a duration with a unit, such as 30s, 15m or 12h, not %q", s)
	}
	return d, nil
}

func parseLevel(s string) (slog.Level, error) {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(s, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("must be debug, info, warn or error, not %q", s)
}

// format writes a field's value the way parse reads it; a list has more or fewer than one text.
func format(v any) (texts []string, list bool) {
	switch v := v.(type) {
	case []string:
		return v, true
	case []registry.Role:
		return formatList(v), true
	case []netip.Prefix:
		return formatList(v), true
	case time.Duration:
		return []string{formatDuration(v)}, false
	case slog.Level:
		return []string{strings.ToLower(v.String())}, false
	}
	return []string{fmt.Sprint(v)}, false
}

func formatList[T any](items []T) []string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	return texts
}

// formatDuration leaves out units that are zero: 15m, not 15m0s.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
