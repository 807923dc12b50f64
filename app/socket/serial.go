package socket

import "sync"

// serial runs tasks one after the other, in the order in which they were added,
// in a goroutine that lives only while there are any.
type serial struct {
	mu      sync.Mutex
	tasks   []func()
	running bool
	room    chan struct{} // closed when a task has been taken; nil if nobody waits for that
}

// add appends a task.
func (q *serial) add(task func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.addLocked(task)
}

func (q *serial) addLocked(task func()) {
	q.tasks = append(q.tasks, task)
	if !q.running {
		q.running = true
		go q.run()
	}
}

// addBounded appends a task once fewer than limit are waiting, or drops it when gone is closed before.
func (q *serial) addBounded(limit int, gone <-chan struct{}, task func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.tasks) >= limit {
		if q.room == nil {
			q.room = make(chan struct{})
		}
		room := q.room
		q.mu.Unlock()
		select {
		case <-room:
		case <-gone:
			q.mu.Lock()
			return
		}
		q.mu.Lock()
	}
	q.addLocked(task)
}

// run runs tasks until there are none.
func (q *serial) run() {
	for {
		q.mu.Lock()
		if len(q.tasks) == 0 {
			q.tasks, q.running = nil, false
			q.mu.Unlock()
			return
		}
		task := q.tasks[0]
		q.tasks[0] = nil
		q.tasks = q.tasks[1:]
		if q.room != nil {
			close(q.room)
			q.room = nil
		}
		q.mu.Unlock()
		task()
	}
}
