package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Plan lists the components that are active in the given roles, in the order
// in which they start; they stop in reverse. Of components that may start at
// the same time, the one that was registered first goes first, so a plan never changes by itself.
func Plan(roles []Role, modules ...Module) ([]string, error) {
	order, err := resolve(roles, modules)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(order))
	for i, m := range order {
		names[i] = m.Name()
	}
	return names, nil
}

// resolve is Plan for modules.
func resolve(roles []Role, modules []Module) ([]Module, error) {
	if err := errors.Join(checkRoles(roles), checkNames(modules)); err != nil {
		return nil, err
	}
	active, err := activate(roles, modules)
	if err != nil {
		return nil, err
	}
	return sequence(active)
}

// checkRoles refuses roles that are unknown, doubled, or none at all.
func checkRoles(roles []Role) error {
	if len(roles) == 0 {
		return errors.New("no roles: a node needs at least one of " + join(AllRoles()))
	}
	var errs []error
	for i, r := range roles {
		switch {
		case !slices.Contains(AllRoles(), r):
			errs = append(errs, fmt.Errorf("unknown role %q: the roles are %s", r, join(AllRoles())))
		case slices.Contains(roles[:i], r):
			errs = append(errs, fmt.Errorf("role %q is given twice", r))
		}
	}
	return errors.Join(errs...)
}

// checkNames refuses names that are missing, doubled or needed but not there,
// in whatever role, so that a slip shows in every process.
func checkNames(modules []Module) error {
	known := map[string]bool{Everything: true}
	var errs []error
	for _, m := range modules {
		switch {
		case m.Name() == "" || m.Name() == Everything:
			errs = append(errs, fmt.Errorf("component %T has no proper name: %q", m, m.Name()))
		case known[m.Name()]:
			errs = append(errs, fmt.Errorf("two components are named %q", m.Name()))
		}
		known[m.Name()] = true
	}
	for _, m := range modules {
		for _, need := range m.Needs() {
			if !known[need] {
				errs = append(errs, fmt.Errorf("component %q needs %q, which does not exist", m.Name(), need))
			}
		}
	}
	return errors.Join(errs...)
}

// activate selects the components of the roles, and what those need, in order of registration.
func activate(roles []Role, modules []Module) ([]Module, error) {
	byName := make(map[string]Module, len(modules))
	for _, m := range modules {
		byName[m.Name()] = m
	}
	inRole := func(m Module) bool {
		return slices.ContainsFunc(m.Roles(), func(r Role) bool { return slices.Contains(roles, r) })
	}
	active := make(map[string]bool)
	var add func(m Module) error
	add = func(m Module) error {
		if active[m.Name()] {
			return nil
		}
		active[m.Name()] = true
		for _, need := range m.Needs() {
			if need == Everything {
				continue
			}
			needed := byName[need]
			if needed.Roles() != nil && !inRole(needed) {
				return fmt.Errorf("component %q needs %q, which is only there in role %s, not in %s",
					m.Name(), need, join(needed.Roles()), join(roles))
			}
			if err := add(needed); err != nil {
				return err
			}
		}
		return nil
	}
	for _, m := range modules {
		if inRole(m) {
			if err := add(m); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(modules), func(m Module) bool { return !active[m.Name()] }), nil
}

// sequence orders active components so that each comes after what it needs.
func sequence(active []Module) ([]Module, error) {
	needs := needsOf(active)
	placed := make(map[string]bool, len(active))
	order := make([]Module, 0, len(active))
	for len(order) < len(active) {
		next := slices.IndexFunc(active, func(m Module) bool {
			return !placed[m.Name()] && !slices.ContainsFunc(needs[m.Name()], func(n string) bool { return !placed[n] })
		})
		if next < 0 {
			return nil, fmt.Errorf("components need each other in a circle: %s", strings.Join(circle(active, needs, placed), " → "))
		}
		placed[active[next].Name()] = true
		order = append(order, active[next])
	}
	return order, nil
}

// needsOf lists what each component needs, with Everything written out.
func needsOf(active []Module) map[string][]string {
	var ordinary []string // those that do not need Everything
	for _, m := range active {
		if !slices.Contains(m.Needs(), Everything) {
			ordinary = append(ordinary, m.Name())
		}
	}
	needs := make(map[string][]string, len(active))
	for _, m := range active {
		for _, n := range m.Needs() {
			if n == Everything {
				needs[m.Name()] = append(needs[m.Name()], ordinary...)
			} else {
				needs[m.Name()] = append(needs[m.Name()], n)
			}
		}
	}
	return needs
}

// circle walks from one component that cannot be placed to the next that it
// waits for, until it comes back to one it has seen.
func circle(active []Module, needs map[string][]string, placed map[string]bool) []string {
	unplaced := func(n string) bool { return !placed[n] }
	at := active[slices.IndexFunc(active, func(m Module) bool { return unplaced(m.Name()) })].Name()
	var path []string
	for !slices.Contains(path, at) {
		path = append(path, at)
		at = needs[at][slices.IndexFunc(needs[at], unplaced)]
	}
	return append(path[slices.Index(path, at):], at)
}

func join(roles []Role) string {
	s := make([]string, len(roles))
	for i, r := range roles {
		s[i] = string(r)
	}
	return strings.Join(s, ", ")
}
