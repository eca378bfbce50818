package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Handler takes what the other end of a Link tells or asks, and returns the answer. It is called from several goroutines.
type Handler func(ctx context.Context, what string, data json.RawMessage) (answer any, err error)

// beat is what a Role tells to say that it is alive.
const beat = "beat"

// maxAsked is how many questions of one end may be open; more are refused.
const maxAsked = 16

// Link is a Conn on which both ends tell and ask: words with plain data.
type Link struct {
	conn *Conn

	mu     sync.Mutex
	number uint64
	open   map[uint64]chan message // questions of ours
}

// message is one frame of a Link.
type message struct {
	What   string          `json:"what,omitempty"`
	Asks   uint64          `json:"asks,omitempty"`    // the number of a question
	Answer uint64          `json:"answers,omitempty"` // the number of the question it answers
	Data   json.RawMessage `json:"data,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func newLink(conn *Conn) *Link { return &Link{conn: conn, open: map[uint64]chan message{}} }

// Tell tells the other end something and does not wait.
func (l *Link) Tell(what string, data any) error {
	return l.send(message{What: what}, data)
}

func (l *Link) send(m message, data any) error {
	if data != nil {
		raw, err := json.Marshal(data)
		if err != nil {
			return fmt.Errorf("%s: %w", m.What, err)
		}
		m.Data = raw
	}
	frame, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("%s: %w", m.What, err)
	}
	return l.conn.Send(frame)
}

var errTooMany = errors.New("too many questions are open")

// Ask asks the other end and waits for its answer, which is read into answer, until ctx is done. An error may be the other
// end's.
func (l *Link) Ask(ctx context.Context, what string, data, answer any) error {
	number, got, err := l.expect()
	if err != nil {
		return err
	}
	defer l.forget(number)
	if err := l.send(message{What: what, Asks: number}, data); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return fmt.Errorf("%s: no answer: %w", what, ctx.Err())
	case m := <-got:
		if m.Error != "" {
			return errors.New(m.Error)
		}
		return json.Unmarshal(m.Data, answer)
	}
}

func (l *Link) expect() (uint64, chan message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.open) >= maxAsked {
		return 0, nil, errTooMany
	}
	l.number++
	got := make(chan message, 1)
	l.open[l.number] = got
	return l.number, got, nil
}

func (l *Link) forget(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, number)
}

// Serve reads what comes and has handle answer it, until the Link ends or ctx is done; it returns why.
func (l *Link) Serve(ctx context.Context, handle Handler) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	var busy sync.WaitGroup
	defer busy.Wait()
	places := make(chan struct{}, maxAsked)
	for {
		frame, err := l.conn.Receive()
		if err != nil {
			return err
		}
		var m message
		if err := json.Unmarshal(frame, &m); err != nil {
			return fmt.Errorf("not a message: %w", err)
		}
		switch {
		case m.Answer != 0:
			l.answered(m)
		case m.Asks == 0: // in the order in which they come
			_, _ = handle(ctx, m.What, m.Data)
		default:
			select {
			case places <- struct{}{}:
				busy.Go(func() { l.answer(ctx, m, handle); <-places })
			default:
				_ = l.send(message{Answer: m.Asks, Error: errTooMany.Error()}, nil)
			}
		}
	}
}

func (l *Link) answered(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := l.open[m.Answer]; got != nil {
		delete(l.open, m.Answer) // a second answer has nowhere to go
		got <- m
	}
}

func (l *Link) answer(ctx context.Context, m message, handle Handler) {
	reply := message{Answer: m.Asks}
	answer, err := handle(ctx, m.What, m.Data)
	if err != nil {
		reply.Error = err.Error()
	}
	if err := l.send(reply, answer); err != nil && !errors.Is(err, ErrFull) {
		_ = l.send(message{Answer: m.Asks, Error: err.Error()}, nil)
	}
}

// Close ends the Link.
func (l *Link) Close() error { return l.conn.Close() }
