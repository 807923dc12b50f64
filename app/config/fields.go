package config

import (
	"reflect"
	"slices"
	"strings"
)

// field is a key as Config's tags describe it.
type field struct {
	key     string
	initial string // default
	shown   string
	doc     string
	check   string
	min     string
	max     string
	secret  bool
	index   []int // of the field in Config
}

// env is the name of the key's variable.
func (f field) env() string {
	return "PARLEY_" + strings.ToUpper(strings.ReplaceAll(f.key, ".", "_"))
}

// flag is the name of the key's flag, for those that have one.
func (f field) flag() string {
	return "--" + strings.NewReplacer(".", "-", "_", "-").Replace(f.key)
}

// of is the field's place in c.
func (f field) of(c *Config) reflect.Value { return reflect.ValueOf(c).Elem().FieldByIndex(f.index) }

// fields lists the keys in the order of Config.
func fields() []field { return walk(reflect.TypeFor[Config](), "", nil) }

func walk(t reflect.Type, prefix string, index []int) []field {
	var found []field
	for i := range t.NumField() {
		sf := t.Field(i)
		key := sf.Tag.Get("key")
		if key == "" {
			continue
		}
		at := slices.Concat(index, []int{i})
		if sf.Type.Kind() == reflect.Struct {
			found = append(found, walk(sf.Type, prefix+key+".", at)...)
			continue
		}
		f := field{
			key:     prefix + key,
			initial: sf.Tag.Get("default"),
			shown:   sf.Tag.Get("shown"),
			doc:     sf.Tag.Get("doc"),
			check:   sf.Tag.Get("check"),
			min:     sf.Tag.Get("min"),
			max:     sf.Tag.Get("max"),
			secret:  sf.Tag.Get("secret") == "true",
			index:   at,
		}
		if f.shown == "" {
			f.shown = f.initial
		}
		found = append(found, f)
	}
	return found
}
