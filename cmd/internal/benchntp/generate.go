package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"timeball/server/ntp"
)

// generated is what the generator saw.
type generated struct {
	Sent, Answers, Interleaved uint64
}

const (
	many    = 64  // packets of one system call
	sockets = 8   // clients of the flood
	window  = 128 // interleaved clients that wait for an answer at any time
	answer  = 512 // bytes, room for one
)

// volley is the memory of one socket for many packets.
type volley struct {
	fd       int
	messages [many]unix.Mmsghdr
	parts    [many]unix.Iovec
	packets  [many][answer]byte
}

// target is the server.
var target netip.Addr

// newVolley returns a socket that is connected to the server and waits at most wait for an answer.
func newVolley(wait time.Duration) (*volley, error) {
	v := &volley{}
	var err error
	if v.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	to := &unix.SockaddrInet4{Port: 123, Addr: target.As4()}
	timeout := unix.NsecToTimeval(int64(wait))
	err = errors.Join(unix.Connect(v.fd, to), unix.SetsockoptTimeval(v.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptInt(v.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1<<20))
	for i := range v.messages {
		v.parts[i].Base = &v.packets[i][0]
		v.messages[i].Hdr.Iov = &v.parts[i]
		v.messages[i].Hdr.SetIovlen(1)
	}
	return v, err
}

// send sends the first n packets.
func (v *volley) send(n int) int {
	for i := range n {
		v.parts[i].SetLen(ntp.HeaderLen)
	}
	sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(v.fd), uintptr(unsafe.Pointer(&v.messages[0])), uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(sent)
}

// receive waits for one answer and takes what else has come.
func (v *volley) receive(flags uintptr) int {
	for i := range v.parts {
		v.parts[i].SetLen(answer)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(v.fd), uintptr(unsafe.Pointer(&v.messages[0])), many, flags, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// ask writes a request into packet i.
func (v *volley) ask(i int, q ntp.Packet) {
	q.Version, q.Mode, q.Poll = 4, ntp.ModeClient, 6
	q.Append(v.packets[i][:0])
}

// generate is the program in the client's namespace: SERVER KIND RATE SPAN.
func generate(args []string) (err error) {
	if target, err = netip.ParseAddr(args[0]); err != nil {
		return err
	}
	rate, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	span, err := time.ParseDuration(args[3])
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	kinds := map[string]func(until time.Time, rate int) (generated, error){
		"wait": wait, "flood": flood, "interleaved": interleave, "paced": pace,
	}
	g, err := kinds[args[1]](time.Now().Add(span), rate)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(g)
}

// wait asks until the server is synchronised.
func wait(until time.Time, _ int) (g generated, err error) {
	v, err := newVolley(100 * time.Millisecond)
	if err != nil {
		return g, err
	}
	for time.Now().Before(until) {
		v.ask(0, ntp.Packet{Transmit: 2})
		v.send(1)
		if v.receive(unix.MSG_WAITFORONE) > 0 {
			if p, ok := ntp.Decode(v.packets[0][:]); ok && p.Leap != ntp.LeapUnsynchronised {
				return g, nil
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return g, fmt.Errorf("no synchronised answer")
}

// flood sends as fast as it can and looks at few of the answers.
func flood(until time.Time, _ int) (g generated, err error) {
	var all [sockets]*volley
	for i := range all {
		if all[i], err = newVolley(time.Second); err != nil {
			return g, err
		}
		for k := range many {
			all[i].ask(k, ntp.Packet{Transmit: ntp.Timestamp(k) + 1})
		}
	}
	for time.Now().Before(until) {
		for _, v := range all {
			g.Sent += uint64(v.send(many))
		}
	}
	return g, nil
}

// interleave keeps window clients in interleaved mode waiting for an answer (RFC 9769, 2). The upper half of a stamp is
// the client's number.
func interleave(until time.Time, _ int) (g generated, err error) {
	v, err := newVolley(50 * time.Millisecond)
	if err != nil {
		return g, err
	}
	var clients [window]ntp.Packet
	for i := range clients {
		clients[i].Receive, clients[i].Transmit = stamp(i, 1), stamp(i, 2)
	}
	for time.Now().Before(until) {
		n := v.receive(unix.MSG_WAITFORONE)
		if n == 0 { // at the beginning, and where packets were lost
			for i := range clients {
				v.ask(i%many, clients[i])
				if i%many == many-1 {
					g.Sent += uint64(v.send(many))
				}
			}
			continue
		}
		for i := range n {
			v.next(i, &clients, &g)
		}
		g.Sent += uint64(v.send(n))
	}
	return g, nil
}

func stamp(client int, low uint32) ntp.Timestamp {
	return ntp.Timestamp(client+1)<<32 | ntp.Timestamp(low)
}

// next takes the answer in packet i and puts its client's next request in its place.
func (v *volley) next(i int, clients *[window]ntp.Packet, g *generated) {
	p, _ := ntp.Decode(v.packets[i][:])
	c := &clients[(p.Origin>>32-1)%window]
	g.Answers++
	if p.Origin == c.Receive {
		g.Interleaved++
	}
	c.Origin = p.Receive
	c.Receive, c.Transmit = c.Receive+4, c.Transmit+4
	v.ask(i, *c)
}

// pace sends rate requests a second, one after the other, and reads the answers.
func pace(until time.Time, rate int) (g generated, err error) {
	v, err := newVolley(time.Second)
	if err != nil {
		return g, err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return g, err
	}
	at := now.Nano()
	for time.Now().Before(until) {
		at += int64(time.Second) / int64(rate)
		next := unix.NsecToTimespec(at)
		for unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &next, nil) == unix.EINTR {
		}
		g.Answers += uint64(max(0, v.receive(unix.MSG_DONTWAIT)))
		v.ask(0, ntp.Packet{Transmit: ntp.Timestamp(at)})
		g.Sent += uint64(v.send(1))
	}
	return g, nil
}
