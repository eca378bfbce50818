package roles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Supervisor keeps Roles running. Its methods but Run may be called from any goroutine.
type Supervisor struct {
	log            *slog.Logger
	stdout, stderr io.Writer
	running        []running
}

// New returns a Supervisor of roles, in the order in which they are started. What they write goes where its own does.
func New(log *slog.Logger, stdout, stderr io.Writer, roles ...Role) *Supervisor {
	s := &Supervisor{log: log, stdout: stdout, stderr: stderr, running: make([]running, len(roles))}
	for i := range roles {
		s.running[i].role = &roles[i]
	}
	return s
}

// running is a Role with its process.
type running struct {
	role     *Role
	restarts atomic.Uint64
	current  atomic.Pointer[process] // nil: none
}

// process is one run of a Role.
type process struct {
	cmd   *exec.Cmd
	link  *Link
	ended <-chan error
	heard atomic.Int64 // ns since started: when it last said something
	kill  chan string  // why it has to end
	// excused is until when, since started, its silence is not held against it. Only watch uses it.
	excused time.Duration
	begun   time.Time
	serves  sync.WaitGroup
}

// Run starts the Roles and keeps them running until ctx is done; then it ends them, the last first.
func (s *Supervisor) Run(ctx context.Context) {
	cancels, ends := make([]context.CancelFunc, len(s.running)), make([]chan struct{}, len(s.running))
	for i := range s.running {
		own, cancel := context.WithCancel(context.WithoutCancel(ctx))
		cancels[i], ends[i] = cancel, make(chan struct{})
		go func() {
			defer close(ends[i])
			s.keep(own, &s.running[i])
		}()
	}
	<-ctx.Done()
	for i := len(s.running) - 1; i >= 0; i-- {
		cancels[i]()
		<-ends[i]
	}
}

// keep runs a Role again and again until ctx is done.
func (s *Supervisor) keep(ctx context.Context, r *running) {
	pause := FirstPause
	for {
		began := time.Now()
		err := s.once(ctx, r)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > Settled {
			pause = FirstPause
		}
		r.restarts.Add(1)
		s.log.Error("process ended and is started anew", "role", r.role.Name, "error", err, "after", time.Since(began).Round(time.Millisecond),
			"restarts", r.restarts.Load(), "pause", pause)
		if r.role.Failed != nil {
			r.role.Failed(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, LastPause)
	}
}

// once runs a Role until it ends, hangs, or ctx is done.
func (s *Supervisor) once(ctx context.Context, r *running) error {
	p, err := s.start(r.role)
	if err != nil {
		return err
	}
	r.current.Store(p)
	defer r.current.Store(nil)
	linked, cut := context.WithCancel(context.WithoutCancel(ctx))
	p.serves.Go(func() { _ = p.link.Serve(linked, p.listen(r.role.Answer)) })
	defer func() { cut(); p.serves.Wait() }()
	return p.watch(ctx)
}

// start executes the program as a Role and tells it what it needs to know.
func (s *Supervisor) start(role *Role) (*process, error) {
	ours, theirs, err := Pair("link")
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	conn, err := newConn(ours)
	if err != nil {
		return nil, err
	}
	if err := tellBoot(conn, role); err != nil {
		conn.Close()
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args[0] = "timeballd: " + role.Name
	cmd.Env = append(os.Environ(), variable+"="+role.Name)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = s.stdout, s.stderr
	cmd.ExtraFiles = []*os.File{theirs}
	for _, f := range role.Files {
		cmd.ExtraFiles = append(cmd.ExtraFiles, f.File)
	}
	p := &process{cmd: cmd, link: newLink(conn), kill: make(chan string, 1), begun: time.Now()}
	if p.ended, err = role.Privileges.start(cmd); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start: %w", err)
	}
	return p, nil
}

// tellBoot leaves in the socket what the Role reads first.
func tellBoot(conn *Conn, role *Role) error {
	var b boot
	for _, f := range role.Files {
		b.Files = append(b.Files, f.Name)
	}
	var told any
	if role.Prepare != nil {
		told = role.Prepare()
	}
	var err error
	if b.Told, err = json.Marshal(told); err != nil {
		return fmt.Errorf("what it is told: %w", err)
	}
	data, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return conn.Send(data)
}

// listen notes that the Role lives, and hands on what is more than that.
func (p *process) listen(handle Handler) Handler {
	return func(ctx context.Context, what string, data json.RawMessage) (any, error) {
		if what == beat {
			p.heard.Store(int64(time.Since(p.begun)))
			return nil, nil
		}
		if handle == nil {
			return nil, fmt.Errorf("%.40q is nothing that can be asked", what)
		}
		return handle(ctx, what, data)
	}
}

// watch waits for the end of the process, and brings it about when it hangs, is to be killed, or ctx is done.
func (p *process) watch(ctx context.Context) error {
	looks := time.NewTicker(BeatEvery)
	defer looks.Stop()
	last := time.Now()
	for {
		select {
		case err := <-p.ended:
			if err == nil {
				err = errors.New("it ended by itself")
			}
			return err
		case <-ctx.Done():
			return p.end()
		case why := <-p.kill:
			return p.destroy(why)
		case <-looks.C:
			stalled := time.Since(last) > 2*BeatEvery
			last = time.Now()
			if stalled { // this process stood still as well: nobody could say anything
				p.excused = time.Since(p.begun)
				continue
			}
			if why := p.hangs(); why != "" {
				return p.destroy(why)
			}
		}
	}
}

// hangs says why the Role is taken for one that hangs, "" when it isn't.
func (p *process) hangs() string {
	now, heard := time.Since(p.begun), time.Duration(p.heard.Load())
	switch {
	case heard == 0 && now-p.excused > StartWithin:
		return fmt.Sprintf("said nothing in its first %v", StartWithin)
	case heard != 0 && now-max(heard, p.excused) > Silence:
		return fmt.Sprintf("said nothing for %v", (now - heard).Round(time.Millisecond))
	}
	return ""
}

// destroy kills the process.
func (p *process) destroy(why string) error {
	_ = p.cmd.Process.Kill() // it may have ended meanwhile
	<-p.ended
	return errors.New(why)
}

// end asks the process to end, and kills it if it doesn't.
func (p *process) end() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // one that was stopped can't hear it
	select {
	case <-p.ended:
		return nil
	case <-time.After(EndWithin):
		return p.destroy("did not end when asked to")
	}
}

// of returns a Role, nil when there is none of that name.
func (s *Supervisor) of(name string) *running {
	for i := range s.running {
		if s.running[i].role.Name == name {
			return &s.running[i]
		}
	}
	return nil
}

var errNotRunning = errors.New("is being started anew")

// Ask asks a Role, as Link.Ask does.
func (s *Supervisor) Ask(ctx context.Context, role, what string, data, answer any) error {
	p, err := s.process(role)
	if err != nil {
		return err
	}
	return p.link.Ask(ctx, what, data, answer)
}

// Tell tells a Role something, as Link.Tell does.
func (s *Supervisor) Tell(role, what string, data any) error {
	p, err := s.process(role)
	if err != nil {
		return err
	}
	return p.link.Tell(what, data)
}

func (s *Supervisor) process(role string) (*process, error) {
	if r := s.of(role); r != nil {
		if p := r.current.Load(); p != nil {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s %w", role, errNotRunning)
}

// Kill ends a Role that others have found to be of no use; it is started anew.
func (s *Supervisor) Kill(role, why string) {
	if p, err := s.process(role); err == nil {
		select {
		case p.kill <- why:
		default: // it is being killed
		}
	}
}

// PID returns the process of a Role, 0 when there is none just now.
func (s *Supervisor) PID(role string) int {
	if p, err := s.process(role); err == nil {
		return p.cmd.Process.Pid
	}
	return 0
}

// Alive reports whether every Role runs and has said that it is alive.
func (s *Supervisor) Alive() bool {
	for i := range s.running {
		if p := s.running[i].current.Load(); p == nil || p.heard.Load() == 0 {
			return false
		}
	}
	return true
}

// Restarts returns how often each Role was started anew.
func (s *Supervisor) Restarts() map[string]uint64 {
	all := map[string]uint64{}
	for i := range s.running {
		all[s.running[i].role.Name] = s.running[i].restarts.Load()
	}
	return all
}
