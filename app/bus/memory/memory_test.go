package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"parley/app/bus"
	"parley/app/bus/bustest"
	"parley/app/bus/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	t.Parallel()
	bustest.Run(t, func(*testing.T) bus.Bus { return memory.New(memory.Options{}) })
}
