package link

import (
	"context"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// advice is what a router's advertisement says of name servers (RFC 8106). The kernel takes addresses and routes from
// advertisements itself and hands this on.
type advice struct {
	index   int // of the port
	servers []netip.Addr
	search  []string
	life    time.Duration // 0: no longer
}

// heard keeps what routers have said, as long as it holds.
type heard struct {
	servers map[netip.Addr]time.Time
	search  map[string]time.Time
}

// take keeps what an advertisement says; of each kind there are at most maxHeard.
func (h *heard) take(a advice, now time.Time) {
	if h.servers == nil {
		*h = heard{map[netip.Addr]time.Time{}, map[string]time.Time{}}
	}
	for _, s := range a.servers {
		keep(h.servers, s, now, a.life)
	}
	for _, s := range a.search {
		keep(h.search, s, now, a.life)
	}
}

const maxHeard = 8

func keep[K comparable](all map[K]time.Time, key K, now time.Time, life time.Duration) {
	if _, known := all[key]; life > 0 && (known || len(all) < maxHeard) {
		all[key] = now.Add(life)
	} else if life == 0 {
		delete(all, key)
	}
}

// list returns what holds at now, and forgets the rest.
func (h *heard) list(now time.Time) (servers []netip.Addr, search []string) {
	for s, until := range h.servers {
		if now.Before(until) {
			servers = append(servers, s)
		} else {
			delete(h.servers, s)
		}
	}
	for s, until := range h.search {
		if now.Before(until) {
			search = append(search, s)
		} else {
			delete(h.search, s)
		}
	}
	slices.SortFunc(servers, netip.Addr.Compare)
	slices.Sort(search)
	return servers, search
}

// hear passes on what routers say until ctx is done. Without the kernel's messages, names are only found by others' servers.
func hear(ctx context.Context, log *slog.Logger, to chan<- advice) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_ND_USEROPT)
	if err != nil {
		log.Warn("name servers of router advertisements", "error", err)
		return
	}
	stop := context.AfterFunc(ctx, s.Close)
	defer stop()
	for ctx.Err() == nil {
		messages, _, err := s.Receive()
		if err != nil {
			if ctx.Err() == nil {
				log.Debug("name servers of router advertisements", "error", err)
				time.Sleep(time.Second)
			}
			continue
		}
		for _, m := range messages {
			if m.Header.Type != unix.RTM_NEWNDUSEROPT {
				continue
			}
			for _, a := range readAdvice(m.Data) {
				select {
				case to <- a:
				case <-ctx.Done():
				}
			}
		}
	}
}

// Options of neighbour discovery (RFC 8106, 5.1 and 5.2), and what the kernel puts before them (rtnetlink(7), nduseroptmsg).
const (
	optionServers = 25
	optionSearch  = 31
	adviceHeader  = 16
)

// readAdvice reads a message of the kernel's. What is cut short or not known says nothing.
func readAdvice(data []byte) []advice {
	if len(data) < adviceHeader {
		return nil
	}
	index := int(binary.NativeEndian.Uint32(data[4:]))
	options := data[adviceHeader:]
	if n := int(binary.NativeEndian.Uint16(data[2:])); n < len(options) {
		options = options[:n]
	}
	var all []advice
	for len(options) >= 8 {
		size := int(options[1]) * 8
		if size < 8 || size > len(options) {
			break
		}
		a := advice{index: index, life: time.Duration(binary.BigEndian.Uint32(options[4:])) * time.Second}
		switch body := options[8:size]; options[0] {
		case optionServers:
			for ; len(body) >= 16; body = body[16:] {
				a.servers = append(a.servers, netip.AddrFrom16([16]byte(body)))
			}
		case optionSearch:
			a.search = domains(body)
		}
		if a.servers != nil || a.search != nil {
			all = append(all, a)
		}
		options = options[size:]
	}
	return all
}

// domains reads names as in DNS, without compression, until a name that is empty or cut short.
func domains(body []byte) []string {
	var all []string
	var labels []string
	for len(body) > 0 {
		n := int(body[0])
		if n > 63 || n+1 > len(body) {
			break
		}
		if n == 0 {
			if labels == nil {
				break
			}
			all, labels = append(all, strings.Join(labels, ".")), nil
		} else {
			labels = append(labels, string(body[1:n+1]))
		}
		body = body[n+1:]
	}
	return all
}
