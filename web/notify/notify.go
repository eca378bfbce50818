// Package notify tells of a unit's events over the network: syslog (RFC 5424 over UDP, RFC 5426, or TCP, RFC 6587) and a
// webhook that is sent JSON.
//
// Telling never waits: each channel has a bounded queue and one goroutine, which tries again with growing pauses. When the
// queue is full the oldest message goes, and is counted. What a channel did last, and why it failed, is in Channels; nothing here
// ends the unit.
package notify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"timeball/web/api"
)

// Message is one event that began or ended.
type Message struct {
	Event api.Event
	Ended bool
	Text  string // of the event, in the language that is configured
	Unix  *int64 // when this was said, by the served clock; nil = the unit does not know the time
}

// state is how a message says where its event is: active, ended, or happened for one that was over as it began.
func (m Message) state() string {
	switch {
	case m.Ended:
		return "ended"
	case m.Event.Active:
		return "active"
	}
	return "happened"
}

// Unit is who speaks.
type Unit struct {
	Name    string // of the host
	Version string
}

const (
	queue      = 64 // messages that wait
	firstPause = time.Second
	longPause  = 5 * time.Minute
	maxTries   = 20 // of one message: an hour and a quarter
	oneTry     = 10 * time.Second
)

// errRefused is wrapped by the error of an attempt that need not be made again.
var errRefused = errors.New("refused")

// Notifier is all channels of a unit. Its methods may be called from any goroutine.
type Notifier struct {
	channels []*channel
}

// channel is one way out.
type channel struct {
	name, target string
	send         func(context.Context, Message) error
	taken        func(id uint64, channel string)
	log          *slog.Logger
	wake         chan struct{}

	mu      sync.Mutex
	waiting []Message
	told    api.Channel
}

// New returns the channels that are configured. taken is told what a channel took; it is called from the channels' goroutines.
func New(cfg Config, unit Unit, taken func(id uint64, channel string), log *slog.Logger) *Notifier {
	n := &Notifier{}
	add := func(name, target string, send func(context.Context, Message) error) {
		n.channels = append(n.channels, &channel{name: name, target: target, send: send, taken: taken, log: log, wake: make(chan struct{}, 1)})
	}
	if cfg.Syslog != "" {
		s := newSyslog(cfg.Syslog, unit)
		add("syslog", s.network+"://"+s.address, s.send)
	}
	if cfg.Webhook != "" {
		w := newWebhook(cfg.Webhook, unit)
		add("webhook", w.shown, w.send)
	}
	return n
}

// Tell gives a message to all channels and returns at once.
func (n *Notifier) Tell(m Message) {
	for _, c := range n.channels {
		c.enqueue(m)
	}
}

// Channels returns how the channels are doing.
func (n *Notifier) Channels() []api.Channel {
	list := []api.Channel{}
	for _, c := range n.channels {
		list = append(list, c.shown())
	}
	return list
}

// Test sends a message over one channel at once and returns what became of it. known is false where there is no such channel.
func (n *Notifier) Test(ctx context.Context, name string, m Message) (known bool, err error) {
	for _, c := range n.channels {
		if c.name == name {
			return true, c.test(ctx, m)
		}
	}
	return false, nil
}

// Run sends what is told until ctx ends.
func (n *Notifier) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, c := range n.channels {
		all.Go(func() { c.run(ctx) })
	}
	all.Wait()
}

func (c *channel) enqueue(m Message) {
	c.mu.Lock()
	if len(c.waiting) == queue {
		c.waiting = append(c.waiting[:0], c.waiting[1:]...)
		c.told.Dropped++
	}
	c.waiting = append(c.waiting, m)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// next takes the oldest message out of the queue.
func (c *channel) next() (m Message, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return m, false
	}
	m = c.waiting[0]
	c.waiting = append(c.waiting[:0], c.waiting[1:]...)
	return m, true
}

func (c *channel) run(ctx context.Context) {
	for ctx.Err() == nil {
		if m, ok := c.next(); ok {
			c.deliver(ctx, m)
			continue
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
		}
	}
}

// deliver tries until the message is taken, refused, or has been tried often enough.
func (c *channel) deliver(ctx context.Context, m Message) {
	for tries, pause := 1, firstPause; ; tries, pause = tries+1, min(2*pause, longPause) {
		err := c.attempt(ctx, m)
		if err == nil {
			c.taken(m.Event.ID, c.name)
			return
		}
		if tries == 1 {
			c.log.Warn("event not told", "channel", c.name, "event", m.Event.Name, "error", err)
		}
		if tries == maxTries || errors.Is(err, errRefused) {
			c.log.Error("event given up", "channel", c.name, "event", m.Event.Name, "tries", tries, "error", err)
			c.mu.Lock()
			c.told.Dropped++
			c.mu.Unlock()
			return
		}
		later := time.NewTimer(pause)
		select {
		case <-later.C:
		case <-ctx.Done():
			later.Stop()
			return
		}
	}
}

// attempt sends once and notes what became of it.
func (c *channel) attempt(ctx context.Context, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	err := c.send(ctx, m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.told.Failed++
		c.told.LastError = err.Error()
		return err
	}
	c.told.Sent++
	c.told.LastError = ""
	return nil
}

func (c *channel) test(ctx context.Context, m Message) error {
	err := c.attempt(ctx, m)
	result := "sent"
	if err != nil {
		result = err.Error()
	}
	c.mu.Lock()
	c.told.LastResult = &result
	c.mu.Unlock()
	return err
}

func (c *channel) shown() api.Channel {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told
	told.Name, told.Target, told.Waiting = c.name, c.target, len(c.waiting)
	return told
}
