package timing

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"timeball/pps/clock"
	"timeball/pps/discipline"
)

// A recording is JSON lines: a Header, then every Event the Engine took, each followed by what the Clock answered to it.
// An Engine that is given the same again makes the same Snapshots.

// Header is the first line of a recording.
type Header struct {
	Timeball string `json:"timeball"` // "events"
	Version  int    `json:"version"`  // 1
	Build    string `json:"build"`
	Config   Config `json:"config"`
}

const (
	recordName    = "events"
	recordVersion = 1
)

// answer is one line about the Clock.
type answer struct {
	Op        string         `json:"clock"` // which method answered
	Reading   *clock.Reading `json:"reading,omitempty"`
	Actual    clock.Ratio    `json:"actual,omitempty"`
	Effective clock.Mono     `json:"effective,omitempty"`
	Era       clock.Era      `json:"era,omitempty"`
	Error     string         `json:"error,omitempty"`
}

// Recorder writes a recording. When it can't be written any more the Recorder says so once and stops; the clock goes on.
type Recorder struct {
	w     *bufio.Writer
	json  *json.Encoder
	error error
}

// NewRecorder writes the header and returns the Recorder.
func NewRecorder(w io.Writer, build string, cfg Config) (*Recorder, error) {
	r := &Recorder{w: bufio.NewWriter(w)}
	r.json = json.NewEncoder(r.w)
	r.write(Header{recordName, recordVersion, build, cfg})
	return r, r.Flush()
}

func (r *Recorder) write(line any) {
	if r.error == nil {
		r.error = r.json.Encode(line)
	}
}

// Event records an event, before the Engine takes it.
func (r *Recorder) Event(e Event) { r.write(e) }

// Flush writes out what is buffered and returns the first error there was.
func (r *Recorder) Flush() error {
	if r.error == nil {
		r.error = r.w.Flush()
	}
	return r.error
}

// Clock returns clk with every answer recorded.
func (r *Recorder) Clock(clk discipline.Clock) discipline.Clock { return recordedClock{clk, r} }

type recordedClock struct {
	discipline.Clock
	to *Recorder
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (c recordedClock) Read() (clock.Reading, error) {
	now, err := c.Clock.Read()
	c.to.write(answer{Op: "read", Reading: &now, Error: text(err)})
	return now, err
}

func (c recordedClock) SetFrequency(y clock.Ratio) (clock.Ratio, clock.Mono, error) {
	actual, effective, err := c.Clock.SetFrequency(y)
	c.to.write(answer{Op: "frequency", Actual: actual, Effective: effective, Error: text(err)})
	return actual, effective, err
}

func (c recordedClock) Step(by time.Duration) (clock.Era, error) {
	era, err := c.Clock.Step(by)
	c.to.write(answer{Op: "step", Era: era, Error: text(err)})
	return era, err
}

func (c recordedClock) SetStatus(s clock.Status) error {
	err := c.Clock.SetStatus(s)
	c.to.write(answer{Op: "status", Error: text(err)})
	return err
}

// ErrNotRecorded is the error of a recording that does not go with the events: it is damaged, or of another build.
var ErrNotRecorded = errors.New("the recording has another answer of the clock here")

// replayedClock gives the answers of a recording.
type replayedClock struct {
	lines *json.Decoder
	line  json.RawMessage // read and not yet used
	error error
}

// peek reads the next line.
func (c *replayedClock) peek() bool {
	if c.line == nil && c.error == nil {
		c.error = c.lines.Decode(&c.line)
	}
	return c.error == nil
}

// next returns the recorded answer of a method.
func (c *replayedClock) next(op string) (answer, error) {
	var a answer
	if !c.peek() {
		return a, c.error
	}
	if err := json.Unmarshal(c.line, &a); err != nil || a.Op != op {
		c.error = fmt.Errorf("%w: %q wanted, %.80q recorded", ErrNotRecorded, op, c.line)
		return a, c.error
	}
	c.line = nil
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (c *replayedClock) Read() (clock.Reading, error) {
	a, err := c.next("read")
	if a.Reading == nil {
		return clock.Reading{}, err
	}
	return *a.Reading, err
}

func (c *replayedClock) SetFrequency(clock.Ratio) (clock.Ratio, clock.Mono, error) {
	a, err := c.next("frequency")
	return a.Actual, a.Effective, err
}

func (c *replayedClock) Step(time.Duration) (clock.Era, error) {
	a, err := c.next("step")
	return a.Era, err
}

func (c *replayedClock) SetStatus(clock.Status) error {
	_, err := c.next("status")
	return err
}

// Replay runs an Engine on a recording and shows visit the Snapshot after every tick. A recording that was cut, as by a
// power cut, ends at its last whole line without an error.
func Replay(r io.Reader, visit func(*Snapshot) error) error {
	clk := &replayedClock{lines: json.NewDecoder(bufio.NewReader(r))}
	var h Header
	if err := clk.lines.Decode(&h); err != nil {
		return fmt.Errorf("header of the recording: %w", err)
	}
	if h.Timeball != recordName || h.Version != recordVersion {
		return fmt.Errorf("a recording %q of version %d can't be replayed: %q of version %d can", h.Timeball, h.Version, recordName, recordVersion)
	}
	engine, err := New(h.Config, clk)
	if err != nil {
		return err
	}
	for clk.peek() {
		var e Event
		if err := json.Unmarshal(clk.line, &e); err != nil {
			return fmt.Errorf("event: %w: %.80q", err, clk.line)
		}
		if e.Kind == "" {
			return fmt.Errorf("%w: an event wanted, %.80q recorded", ErrNotRecorded, clk.line)
		}
		clk.line = nil
		engine.Take(e)
		if clk.error != nil {
			break
		}
		if e.Kind != KindTick {
			continue
		}
		if err := visit(engine.Snapshot()); err != nil {
			return err
		}
	}
	if errors.Is(clk.error, io.EOF) || errors.Is(clk.error, io.ErrUnexpectedEOF) {
		return nil
	}
	return clk.error
}
