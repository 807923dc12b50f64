package socket

import (
	"iter"
	"slices"
)

// fewMembers is up to how many members are kept in a list. Most rooms have no more, and a map takes ten times the memory.
const fewMembers = 8

// members are the connections in a room: a list while they are few, a map from then on.
type members struct {
	few  []*Conn
	many map[*Conn]struct{}
}

// add reports whether c was not among them before.
func (m *members) add(c *Conn) bool {
	if m.has(c) {
		return false
	}
	switch {
	case m.many != nil:
		m.many[c] = struct{}{}
	case len(m.few) < fewMembers:
		m.few = append(m.few, c)
	default:
		m.many = make(map[*Conn]struct{}, 2*fewMembers)
		for _, other := range m.few {
			m.many[other] = struct{}{}
		}
		m.many[c] = struct{}{}
		m.few = nil
	}
	return true
}

// remove reports whether c was among them.
func (m *members) remove(c *Conn) bool {
	if m.many != nil {
		before := len(m.many)
		delete(m.many, c)
		return len(m.many) < before
	}
	i := slices.Index(m.few, c)
	if i < 0 {
		return false
	}
	last := len(m.few) - 1
	m.few[i], m.few[last] = m.few[last], nil
	m.few = m.few[:last]
	return true
}

func (m *members) has(c *Conn) bool {
	if m.many != nil {
		_, ok := m.many[c]
		return ok
	}
	return slices.Contains(m.few, c)
}

func (m *members) size() int { return len(m.few) + len(m.many) }

// all goes through the members, in any order.
func (m *members) all() iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range m.few {
			if !yield(c) {
				return
			}
		}
		for c := range m.many {
			if !yield(c) {
				return
			}
		}
	}
}
