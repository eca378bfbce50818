package receiver

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"timeball/gnss"
	"timeball/gnss/casic"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/ubx"
	"timeball/pps/clock"
)

// Times in seconds, and how often something is tried.
const (
	lostAfter   = 5   // without a packet a line is given up
	timelyAfter = 5   // without a message that names the second a receiver is set up; it speaks every second
	againAfter  = 60  // a receiver that was set up in vain is set up again
	askEvery    = 1.5 // until the receiver has said who it is
	askTimes    = 3
	ackTime     = 1.0 // for a request to be acknowledged
	ackTimes    = 3
)

// setup is the conversation with the receiver that is in use.
type setup struct {
	began   clock.Mono // of using the line, or of setting up again
	asked   int        // times it was asked who it is
	askedAt clock.Mono
	decided bool
	queue   []request // the first is being made
	sent    int       // times it was
	sentAt  clock.Mono
	endedAt clock.Mono
}

// request is a command that the receiver acknowledges, and what is asked for instead where it refuses.
type request struct {
	frame   []byte
	of      uint16 // class and id that the answer names; 0 = there is no answer
	instead []request
}

// use goes on with the receiver that was found.
func (f *Finder) use() {
	if f.now.Sub(f.line.last) > lostAfter {
		f.lose(f.whyLost())
		return
	}
	f.identify()
	f.keep()
	switch {
	case f.line.timely(f.now) != "":
		f.trouble = ""
	case f.identifying() || f.now.Sub(f.setup.began) < timelyAfter && !f.line.ask:
	case !f.setup.decided:
		f.decide()
	case len(f.setup.queue) > 0:
	case f.now.Sub(f.setup.endedAt) > againAfter:
		f.setup = setup{began: f.now}
	case f.now.Sub(f.setup.endedAt) > timelyAfter:
		f.trouble = f.untimely()
		if f.elsewhere() {
			return
		}
	}
	f.request()
}

// whyLost says how the line ended.
func (f *Finder) whyLost() string {
	if f.line.stray > 0 {
		return fmt.Sprintf("what arrives on %s makes no sense any more", path.Base(f.line.port))
	}
	return fmt.Sprintf("the receiver on %s has gone silent", path.Base(f.line.port))
}

// untimely says that the receiver can't be used as it is.
func (f *Finder) untimely() string {
	who := "a receiver"
	if id := f.line.decoder.Receiver(); id != "" {
		who = "a receiver (" + id + ")"
	}
	return who + " speaks on " + f.line.name() + ", but none of its messages names the second"
}

// elsewhere goes on with the search where there are other ports: what makes sense need not be a receiver. It comes back
// to this one when there is nothing better.
func (f *Finder) elsewhere() bool {
	here := f.line.port
	others := slices.DeleteFunc(f.tries(), func(t try) bool { return t.port == here })
	if len(others) == 0 {
		return false
	}
	f.shut()
	f.heard[here] = f.trouble
	f.plan = others
	f.next()
	return true
}

// identifying reports whether the receiver is still being asked who it is. Once it has answered one question the answers
// to the others, which may tell more, have some time to come.
func (f *Finder) identifying() bool {
	s, l := &f.setup, &f.line
	if l.mute {
		return false
	}
	if l.who.known() {
		return f.now.Sub(s.askedAt) < answerTime+l.told(longAnswer)
	}
	return s.asked < askTimes || f.now.Sub(s.askedAt) < askEvery
}

// identify asks the receiver who it is, in what it speaks.
func (f *Finder) identify() {
	s, l := &f.setup, &f.line
	if l.who.known() || s.asked == askTimes || s.asked > 0 && f.now.Sub(s.askedAt) < askEvery {
		return
	}
	to := anyone
	switch {
	case l.good[scan.UBX] > 0:
		to = []scan.Protocol{scan.UBX}
	case l.good[scan.CASIC] > 0:
		to = []scan.Protocol{scan.CASIC, scan.NMEA}
	}
	s.asked, s.askedAt = s.asked+1, f.now
	f.write(questions(to)...)
}

// keep takes down what works, once all is known of it.
func (f *Finder) keep() {
	l := &f.line
	if protocol := l.timely(f.now); protocol != "" && !f.identifying() {
		f.worked = Found{Port: l.port, Baud: l.baud, Protocol: protocol, Identity: l.decoder.Receiver()}
	}
}

// decide plans what is asked of the receiver.
func (f *Finder) decide() {
	s := &f.setup
	s.decided, s.endedAt = true, f.now
	s.queue = f.line.wishes()
	s.sent = 0
}

// request makes the first request of the queue until it is answered or given up.
func (f *Finder) request() {
	s := &f.setup
	acks := f.line.acks
	f.line.acks = nil
	if len(s.queue) == 0 {
		return
	}
	for _, a := range acks {
		if s.sent > 0 && uint16(a.Class)<<8|uint16(a.ID) == s.queue[0].of {
			s.answered(a)
			break
		}
	}
	switch {
	case len(s.queue) == 0:
		s.endedAt = f.now
	case s.sent == 0 || s.sent < ackTimes && s.queue[0].of != 0 && f.now.Sub(s.sentAt) > ackTime:
		f.write(s.queue[0].frame)
		s.sent, s.sentAt = s.sent+1, f.now
	case f.now.Sub(s.sentAt) > ackTime: // it has no answer: a receiver that does not obey is used as it is
		s.queue, s.sent, s.endedAt = s.queue[1:], 0, f.now
	}
}

// answered goes on after an acknowledgement or a refusal.
func (s *setup) answered(a gnss.Ack) {
	instead := s.queue[0].instead
	s.queue, s.sent = s.queue[1:], 0
	if !a.Accepted {
		s.queue = append(instead, s.queue...)
	}
}

// wishes returns what a receiver of the generation that was found is asked for.
func (l *line) wishes() []request {
	w := &l.who
	switch {
	case w.ubx != nil && newer(w.ubx):
		return l.ubxItems()
	case w.ubx != nil:
		return l.ubxMessages()
	case w.casic != nil:
		return l.casicMessages(strings.HasPrefix(w.casic.SwVersion, "URANUS6"))
	case w.first:
		return l.casicMessages(false)
	case w.pcas:
		rates := nmea.Rates{GGA: 1, GSA: 1, GSV: l.seldom(), RMC: 1, ZDA: 1, ANT: 1}
		return []request{{frame: nmea.AppendPCASRates(nil, rates)}}
	case w.pubx:
		return pubxSentences(l.seldom())
	case w.mtk:
		return []request{{frame: nmea.AppendSentence(nil, "PMTK314,-1")}} // the sentences it was made to send
	}
	return nil
}

// pubxSentences asks a u-blox receiver that sends no UBX.
func pubxSentences(seldom int) (requests []request) {
	for _, s := range []struct {
		name string
		rate int
	}{{"RMC", 1}, {"ZDA", 1}, {"GGA", 1}, {"GSA", 1}, {"GSV", seldom}} {
		requests = append(requests, request{frame: nmea.AppendPUBXRate(nil, s.name, s.rate)})
	}
	return requests
}

// newer reports whether a u-blox receiver is of generation 9 or later, which is configured by items: protocol version 27
// or above, or the hardware's version.
func newer(v *ubx.MonVER) bool {
	for _, hardware := range []string{"0019", "000A"} {
		if strings.HasPrefix(v.HwVersion, hardware) {
			return true
		}
	}
	for _, e := range v.Extensions {
		version, ok := strings.CutPrefix(e, "PROTVER")
		if !ok {
			continue
		}
		major, _, _ := strings.Cut(strings.TrimLeft(version, "= "), ".")
		n, err := strconv.Atoi(major)
		return err == nil && n >= 27
	}
	return false
}

// seldom returns how often the view of the sky is asked for: it has up to 600 bytes, more than a second has room for at
// 4800 baud.
func (l *line) seldom() int {
	switch {
	case !l.rated || l.baud >= 38400:
		return 1
	case l.baud >= 9600:
		return 5
	}
	return 15
}

// ubxItems asks generation 9 and later, each item by itself, so that one it does not know does not spoil the others. The
// keys of USB are two above those of UART1.
func (l *line) ubxItems() (requests []request) {
	port := uint32(0)
	if !l.rated {
		port = 2
	}
	for _, i := range []ubx.Item{
		{Key: ubx.KeyMsgNavPVT, Value: 1},
		{Key: ubx.KeyMsgNavTIMEUTC, Value: 1},
		{Key: ubx.KeyMsgTimTP, Value: 1},
		{Key: ubx.KeyMsgNavTIMELS, Value: uint64(l.seldom())},
		{Key: ubx.KeyMsgNavSAT, Value: uint64(l.seldom())},
		{Key: ubx.KeyMsgMonRF, Value: uint64(l.seldom())},
		{Key: ubx.KeyMsgSecSIG, Value: uint64(l.seldom())},
	} {
		i.Key += port
		set := &ubx.CfgVALSET{Layers: ubx.LayerRAM, Items: []ubx.Item{i}}
		requests = append(requests, request{frame: ubx.Append(nil, set), of: uint16(ubx.IDCfgVALSET)})
	}
	return requests
}

// ubxMessages asks generations up to 8, of which the older refuse what came later and are asked for what was before.
func (l *line) ubxMessages() []request {
	seldom := uint8(l.seldom())
	msg := func(id ubx.ID, rate uint8, instead ...request) request {
		return request{ubx.Append(nil, &ubx.CfgMSG{Of: id, Rate: rate}), uint16(ubx.IDCfgMSG), instead}
	}
	return []request{
		msg(ubx.IDNavPVT, 1, msg(ubx.IDNavSOL, 1), msg(ubx.IDNavPOSLLH, 1)),
		msg(ubx.IDNavTIMEUTC, 1),
		msg(ubx.IDTimTP, 1),
		msg(ubx.IDNavTIMELS, seldom, msg(ubx.IDNavTIMEGPS, seldom)),
		msg(ubx.IDNavSAT, seldom, msg(ubx.IDNavSVINFO, seldom)),
		msg(ubx.IDMonHW, seldom),
	}
}

// casicMessages asks in the words of a generation, and in those of the other where they are refused.
func (l *line) casicMessages(second bool) (requests []request) {
	seldom := uint16(l.seldom())
	msg := func(id casic.ID, rate uint16) request {
		return request{frame: casic.Append(nil, &casic.CfgMSG{Of: id, Rate: rate}), of: uint16(casic.IDCfgMSG)}
	}
	for _, m := range []struct {
		first, second casic.ID
		rate          uint16
	}{
		{casic.IDNavTIMEUTC, casic.IDNav2TIMEUTC, 1},
		{casic.IDNavPV, casic.IDNav2PVH, 1},
		{casic.IDTimTP, casic.IDTim2TPX, 1},
		{casic.IDMsgGPSUTC, casic.IDTim2LS, seldom},
		{casic.IDNavGPSINFO, casic.IDNav2SAT, seldom},
		{casic.IDNavBDSINFO, 0, seldom},
	} {
		ids := []casic.ID{m.first, m.second}
		if second {
			ids[0], ids[1] = ids[1], ids[0]
		}
		if ids[0] == 0 {
			continue
		}
		r := msg(ids[0], m.rate)
		if ids[1] != 0 {
			r.instead = []request{msg(ids[1], m.rate)}
		}
		requests = append(requests, r)
	}
	return requests
}
