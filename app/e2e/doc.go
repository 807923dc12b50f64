// Package e2e tests the whole program as its users run it: the built
// executable, in one process and in split roles, on real RabbitMQ and PostgreSQL,
// driven over its real listeners. It contains tests only.
package e2e
