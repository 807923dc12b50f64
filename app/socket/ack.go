package socket

import "parley/app/problem"

// Refusal is what a client's event is acknowledged with that could not be carried out.
func Refusal(p *problem.Problem) any {
	return refusalAck{Error: refusalProblem{Code: p.Code, Title: p.Title, Detail: p.Explain()}}
}

type refusalAck struct {
	OK    bool           `json:"ok"` // never
	Error refusalProblem `json:"error"`
}

type refusalProblem struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}
