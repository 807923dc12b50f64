package figures

import (
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
)

// Curve is a plot of one metric of a row against its points, with a line for each set-up.
type Curve struct {
	Row, Metric   string
	Title, XTitle string
	LogX, LogY    bool
}

// Plot draws a curve as SVG. Nothing is drawn if nothing was measured.
func (r *Results) Plot(c Curve, path string) error {
	points := map[string]plotter.XYs{}
	var setups []string
	for _, f := range r.Figures {
		if f.Row != c.Row || f.Metric != c.Metric {
			continue
		}
		if points[f.Setup] == nil {
			setups = append(setups, f.Setup)
		}
		points[f.Setup] = append(points[f.Setup], plotter.XY{X: f.X, Y: f.Median()})
	}
	if len(setups) == 0 {
		return nil
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.XTitle, c.Metric
	p.Legend.Top, p.Legend.Left = true, true
	p.Y.Min = 0
	if c.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if c.LogY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	p.Add(plotter.NewGrid())
	for i, setup := range setups {
		xys := points[setup]
		slices.SortFunc(xys, func(a, b plotter.XY) int { return int(a.X - b.X) })
		line, marks, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		line.Color, line.Width, marks.Color, marks.Shape = plotutil.Color(i), vg.Points(1.5), plotutil.Color(i), plotutil.Shape(i)
		p.Add(line, marks)
		p.Legend.Add(setup, line, marks)
	}
	if c.LogY {
		p.Y.Min = min(1, p.Y.Min)
		if p.Y.Min <= 0 {
			p.Y.Min = 1
		}
	}
	return p.Save(20*vg.Centimeter, 12*vg.Centimeter, path)
}
