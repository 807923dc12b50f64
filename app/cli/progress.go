package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how far the steps of a long command are: one bar a step on a terminal, else a line for every tenth of one.
type progress struct {
	out      io.Writer
	terminal bool
	what     string // the current step
	bar      *progressbar.ProgressBar
	tenths   int // told of the current step
}

// newProgress shows progress on out.
func newProgress(out io.Writer) *progress {
	file, ok := out.(*os.File)
	return &progress{out: out, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// report tells how much of a step is done. Steps come one after the other.
func (p *progress) report(done, total int, what string) {
	if what != p.what {
		p.what, p.tenths = what, 0
		if p.terminal {
			p.bar = p.newBar(total)
		}
	}
	if p.terminal {
		_ = p.bar.Set(done) // a bar that cannot be drawn must not end the command
		return
	}
	if tenths := done * 10 / total; tenths > p.tenths {
		p.tenths = tenths
		_, _ = fmt.Fprintf(p.out, "%s: %d of %d\n", what, done, total)
	}
}

func (p *progress) newBar(total int) *progressbar.ProgressBar {
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(p.out),
		progressbar.OptionSetDescription(fmt.Sprintf("%-12s", p.what)),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionOnCompletion(func() { _, _ = fmt.Fprintln(p.out) }),
	)
}
