package gpiopps

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/warthog618/go-gpiocdev"

	"timeball/pps"
)

// headerLabels are the labels of the chips that have a Raspberry Pi's header: Pi 5 and CM5; Pi 4, 400 and CM4; the others.
// They are found by label because the number of a Pi 5's chip has changed between kernels.
var headerLabels = []string{"pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835"}

// chip is one GPIO chip of the machine.
type chip struct {
	name  string // of the device in /dev
	label string
	err   error // why it could not be asked for its label
}

// requestFunc requests a line for its edges; tests pass one of their own.
type requestFunc func(chip string, offset int, edge gpiocdev.LineEdge, handle func(gpiocdev.LineEvent)) (io.Closer, error)

func open(c Config, chips func() []chip, request requestFunc) (*Source, error) {
	offset, err := Offset(c.Line)
	if err != nil {
		return nil, fmt.Errorf("gpio line %w", err)
	}
	name, err := choose(c.Chip, chips())
	if err != nil {
		return nil, err
	}
	edge := gpiocdev.LineEdgeRising
	if c.Edge == "falling" {
		edge = gpiocdev.LineEdgeFalling
	}
	s := &Source{
		name:  fmt.Sprintf("%s line %d %s", name, offset, c.Edge),
		edges: make(chan pps.Edge, buffered),
	}
	if s.line, err = request(name, offset, edge, s.event); err != nil {
		return nil, err
	}
	return s, nil
}

// choose returns the device of the chip meant by want.
func choose(want string, chips []chip) (string, error) {
	if len(chips) == 0 {
		return "", fmt.Errorf("gpio chip %q: there is no /dev/gpiochip*: %w", want, fs.ErrNotExist)
	}
	wanted := []string{strings.TrimPrefix(want, "/dev/")}
	if want == Auto {
		wanted = append(slices.Clone(headerLabels), chips[0].name)
	}
	for _, w := range wanted {
		for _, c := range chips {
			if w != c.name && w != c.label {
				continue
			}
			if c.err != nil {
				return "", chipError(c.name, c.err)
			}
			return c.name, nil
		}
	}
	return "", fmt.Errorf("gpio chip %q: %w; there is %s", want, fs.ErrNotExist, list(chips))
}

// list names chips for an error.
func list(chips []chip) string {
	var names []string
	for _, c := range chips {
		name := c.name
		if c.label != "" {
			name += " (" + c.label + ")"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// chips asks every GPIO chip for its label. A Pi 5 has links to chips under their earlier numbers: they are followed.
func chips() []chip {
	var all []chip
	for _, name := range gpiocdev.Chips() {
		c := chip{name: name}
		if path, err := filepath.EvalSymlinks("/dev/" + name); err == nil {
			c.name = filepath.Base(path)
		}
		if slices.ContainsFunc(all, func(o chip) bool { return o.name == c.name }) {
			continue
		}
		if g, err := gpiocdev.NewChip(c.name); err != nil {
			c.err = err
		} else {
			c.label = g.Label
			g.Close() // it was only asked for its label
		}
		all = append(all, c)
	}
	return all
}

// request requests the line from the kernel. Bias is left as the board has it.
func request(name string, offset int, edge gpiocdev.LineEdge, handle func(gpiocdev.LineEvent)) (io.Closer, error) {
	c, err := gpiocdev.NewChip(name, gpiocdev.WithConsumer("timeball"), gpiocdev.WithABIVersion(2))
	if err != nil {
		return nil, chipError(name, err)
	}
	defer c.Close() // the line outlives the chip's descriptor
	line, err := c.RequestLine(offset, edge, gpiocdev.WithMonotonicEventClock,
		gpiocdev.WithEventBufferSize(buffered), gpiocdev.WithEventHandler(handle))
	if err != nil {
		info, _ := c.LineInfo(offset) // for the error only
		return nil, lineError(name, offset, c.Lines(), info.Consumer, err)
	}
	return line, nil
}

// chipError says what is missing to open a chip.
func chipError(name string, err error) error {
	if errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w (needs root or the group that owns /dev/%s)", err, name)
	}
	return fmt.Errorf("gpio chip %s: %w", name, err)
}

// lineError says what is in the way of a line.
func lineError(name string, offset, lines int, consumer string, err error) error {
	switch {
	case errors.Is(err, gpiocdev.ErrInvalidOffset):
		err = fmt.Errorf("%w: the chip has lines 0 to %d", err, lines-1)
	case errors.Is(err, syscall.EBUSY) && consumer != "":
		err = fmt.Errorf("%w: in use by %q", err, consumer)
		if strings.HasPrefix(consumer, "pps") { // as the kernel's pps-gpio names itself
			err = fmt.Errorf("%w; it may be taken from the kernel with [pps] source = \"kernel\"", err)
		}
	case errors.Is(err, syscall.ENOTTY), errors.Is(err, syscall.EINVAL):
		err = fmt.Errorf("%w (edges of this line, or the interface of Linux 5.10, are not supported)", err)
	}
	return fmt.Errorf("gpio line %d of %s: %w", offset, name, err)
}
