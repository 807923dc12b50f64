package socket

import "parley/app/problem"

// Refusal is what a client's event is acknowledged with that could not be carried out.
func Refusal(p *problem.Problem) any {
	return refusalAck{Error: refusalProblem{Code: p.Code, Title: p.Title, Detail: p.Explain()}}
}

type refusalAck struct {
	Error refusalProblem `json:"error"`
	OK    bool           `json:"ok"` // never
}

type refusalProblem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Title  string `json:"title"`
}
