package registry_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/app/registry"
)

func plan(roles []registry.Role, fakes ...*fake) (string, error) {
	modules := make([]registry.Module, len(fakes))
	for i, f := range fakes {
		modules[i] = f
	}
	names, err := registry.Plan(roles, modules...)
	return strings.Join(names, " "), err
}

var (
	api    = []registry.Role{registry.API}
	worker = []registry.Role{registry.Worker}
	socket = []registry.Role{registry.Socket}
)

func TestPlan(t *testing.T) {
	t.Parallel()
	all := registry.AllRoles()
	parts := []*fake{
		{name: "http", roles: all, needs: []string{registry.Everything}},
		{name: "message.api", roles: api, needs: []string{"store", "bus"}},
		{name: "message.worker", roles: worker, needs: []string{"store", "bus"}},
		{name: "routing.socket", roles: socket, needs: []string{"bus"}},
		{name: "store"},
		{name: "bus"},
		{name: "unused"},
	}
	for name, tc := range map[string]struct {
		roles []registry.Role
		want  string
	}{
		"all":    {all, "store bus message.api message.worker routing.socket http"},
		"api":    {api, "store bus message.api http"},
		"worker": {worker, "store bus message.worker http"},
		"socket": {socket, "bus routing.socket http"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := plan(tc.roles, parts...)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		roles []registry.Role
		parts []*fake
		text  string
	}{
		"no roles":     {nil, nil, "no roles"},
		"unknown role": {[]registry.Role{"cook"}, nil, `unknown role "cook": the roles are api, worker, socket`},
		"role twice":   {[]registry.Role{"api", "api"}, nil, `role "api" is given twice`},
		"no name":      {api, []*fake{{}}, "no proper name"},
		"star":         {api, []*fake{{name: "*"}}, "no proper name"},
		"name twice":   {api, []*fake{{name: "a"}, {name: "a"}}, `two components are named "a"`},
		"missing need": {api, []*fake{{name: "a", roles: worker, needs: []string{"b"}}}, `component "a" needs "b", which does not exist`},
		"need of another role": {
			api, []*fake{{name: "a", roles: api, needs: []string{"b"}}, {name: "b", roles: worker}},
			`component "a" needs "b", which is only there in role worker, not in api`,
		},
		"itself": {api, []*fake{{name: "a", roles: api, needs: []string{"a"}}}, "circle: a → a"},
		"circle": {
			api, []*fake{
				{name: "x", roles: api, needs: []string{"a"}}, {name: "a", needs: []string{"b"}},
				{name: "b", needs: []string{"c"}}, {name: "c", needs: []string{"a"}},
			},
			"circle: a → b → c → a",
		},
		"needs the one that needs everything": {
			api, []*fake{
				{name: "http", roles: api, needs: []string{registry.Everything}},
				{name: "a", roles: api, needs: []string{"http"}},
			},
			"circle: http → a → http",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := plan(tc.roles, tc.parts...)
			require.ErrorContains(t, err, tc.text)
			modules := make([]registry.Module, len(tc.parts))
			for i, p := range tc.parts {
				modules[i] = p
			}
			_, err = registry.New(quiet, tc.roles, modules...)
			require.ErrorContains(t, err, tc.text)
		})
	}
}

// Whatever components need each other without a circle: all that is needed is
// there, before what needs it, and the plan does not change. With a circle: it is found.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		parts := drawParts(t)
		order, err := plan(registry.AllRoles(), parts...)
		require.NoError(t, err)
		again, _ := plan(registry.AllRoles(), parts...)
		require.Equal(t, order, again)
		names := strings.Fields(order)
		for _, p := range parts {
			at := slices.Index(names, p.name)
			if p.roles != nil {
				require.GreaterOrEqual(t, at, 0, "%s is active", p.name)
			}
			if at < 0 {
				continue
			}
			for _, need := range p.needs {
				i := slices.Index(names, need)
				require.GreaterOrEqual(t, i, 0, "%s is there for %s", need, p.name)
				require.Less(t, i, at, "%s before %s", need, p.name)
			}
		}
		closeCircle(t, parts, names)
	})
}

// drawParts makes components of which each needs only such that were drawn before it, in any order of registration.
func drawParts(t *rapid.T) []*fake {
	n := rapid.IntRange(1, 12).Draw(t, "components")
	parts := make([]*fake, n)
	for i := range parts {
		parts[i] = &fake{name: strconv.Itoa(i)}
		if rapid.Bool().Draw(t, "has a role") {
			parts[i].roles = registry.AllRoles()
		}
		for _, k := range rapid.SliceOfNDistinct(rapid.IntRange(0, n), 0, 3, rapid.ID[int]).Draw(t, "needs") {
			if k < i {
				parts[i].needs = append(parts[i].needs, strconv.Itoa(k))
			}
		}
	}
	return rapid.Permutation(parts).Draw(t, "order")
}

// closeCircle makes the first active component need the last, through a new one, and expects that to be found if it is a circle.
func closeCircle(t *rapid.T, parts []*fake, names []string) {
	i := slices.IndexFunc(parts, func(p *fake) bool { return slices.Contains(names, p.name) && len(p.needs) > 0 })
	if i < 0 {
		return
	}
	need := parts[slices.IndexFunc(parts, func(p *fake) bool { return p.name == parts[i].needs[0] })]
	need.needs = append(need.needs, parts[i].name)
	_, err := plan(registry.AllRoles(), parts...)
	require.ErrorContains(t, err, "circle")
}
