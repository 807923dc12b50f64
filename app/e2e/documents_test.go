package e2e

import (
	"sync"

	"parley/app/reference/referencetest"
)

// documents are what every answer and every event of these tests is held against.
var documents = sync.OnceValues(referencetest.New)

// requireDocumented fails the test if an answer is not what the OpenAPI document says.
func (p *person) requireDocumented(method, path string, a answer) {
	p.t.Helper()
	c, err := documents()
	if err == nil {
		err = c.Response(method, path, a.status, a.header, a.body)
	}
	if err != nil {
		p.t.Errorf("the OpenAPI document: %v", err)
	}
}

// undocumented says what is not as the AsyncAPI document has it.
func undocumented(name string, payload []byte) error {
	c, err := documents()
	if err != nil {
		return err
	}
	return c.Event(name, payload)
}
