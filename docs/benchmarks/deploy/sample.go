package deploy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of CPU times in /proc, which is the same on every Linux that Go supports.
const clockTick = 10 * time.Millisecond

// Sample is what has been used and counted up to a moment.
type Sample struct {
	At      time.Time
	CPU     map[string]time.Duration // by group
	Metrics map[string]float64       // summed over the processes
}

// servers are the names of the programs that deployments share, with the group that they count for. Every process of that name on the
// machine counts, so nothing else may use one meanwhile.
var servers = map[string]string{"postgres": "PostgreSQL", "beam.smp": "RabbitMQ"}

// Take takes a sample of the given processes and of the servers.
func Take(ctx context.Context, processes []*Process) Sample {
	s := Sample{At: time.Now(), CPU: map[string]time.Duration{}, Metrics: map[string]float64{}}
	for _, p := range processes {
		if _, used, err := cpu(p.PID()); err == nil {
			s.CPU[p.Name] += used
		}
		if p.Admin == "" {
			continue
		}
		values, err := p.Metrics(ctx)
		if err != nil {
			continue // it was killed, which some measurements do
		}
		for name, v := range values {
			s.Metrics[name] += v
		}
	}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is a constant
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if name, used, err := cpu(pid); err == nil && servers[name] != "" {
			s.CPU[servers[name]] += used
		}
	}
	return s
}

// cpu returns the name of a process, and the CPU time of it and of its children that have ended.
func cpu(pid int) (name string, used time.Duration, err error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	// The name is in parentheses, and may have some itself.
	open, end := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	if open < 0 || end < open {
		return "", 0, errors.New("not the form of /proc/PID/stat")
	}
	fields := strings.Fields(string(stat[end+1:]))
	const utime, cstime = 11, 14
	for _, f := range fields[utime : cstime+1] {
		ticks, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return "", 0, err
		}
		used += time.Duration(ticks) * clockTick
	}
	return string(stat[open+1 : end]), used, nil
}

// CPU is the CPU time that the process has used.
func (p *Process) CPU() time.Duration { return CPU(p.PID()) }

// CPU is the CPU time that a process has used; 0 if there is no such process.
func CPU(pid int) time.Duration {
	_, used, err := cpu(pid)
	if err != nil {
		return 0
	}
	return used
}

// Resident is the process's memory that is in RAM, in bytes.
func (p *Process) Resident() (float64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.PID()))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(statm))
	pages, err := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize()), err
}

// Sampler takes samples until it is stopped.
type Sampler struct {
	stop    context.CancelFunc
	done    chan struct{}
	samples []Sample
}

// Watch starts sampling.
func Watch(ctx context.Context, every time.Duration, processes []*Process) *Sampler {
	ctx, stop := context.WithCancel(ctx)
	w := &Sampler{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		defer func() { w.samples = append(w.samples, Take(context.WithoutCancel(ctx), processes)) }()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			if s := Take(ctx, processes); ctx.Err() == nil { // else it is not whole
				w.samples = append(w.samples, s)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return w
}

// Stop ends sampling and returns the samples.
func (w *Sampler) Stop() []Sample {
	w.stop()
	<-w.done
	return w.samples
}

// Steady is the part of the samples in which a counter grew from a tenth to nine tenths of what it grew in all: without
// setting up and without winding down. ok is false if that is shorter than two samples.
func Steady(samples []Sample, counter string) (from, to Sample, ok bool) {
	samples = slices.DeleteFunc(slices.Clone(samples), func(s Sample) bool {
		_, counted := s.Metrics[counter]
		return !counted // the process was too busy to answer
	})
	if len(samples) < 3 {
		return from, to, false
	}
	first := samples[0].Metrics[counter]
	grown := samples[len(samples)-1].Metrics[counter] - first
	for _, s := range samples {
		share := (s.Metrics[counter] - first) / grown
		if share >= 0.1 && from.At.IsZero() {
			from = s
		}
		if share <= 0.9 {
			to = s
		}
	}
	return from, to, grown > 0 && to.At.After(from.At)
}
