// Package loadtest puts a deployment under load, as many clients at once would,
// measures what it carries, and checks that nothing was lost, doubled or
// reordered on the way. It knows the server by its public API alone.
package loadtest
