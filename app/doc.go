// Package app wires Parley together: the components of a server, and what the
// commands need of them.
package app
