package main

import (
	"fmt"
	"time"

	"timeball/board/sim"
	"timeball/pps/clock"
)

// witnessTrials are cold starts of units that ask other clocks, some of which are wrong.
func witnessTrials() (all []trial) {
	const soon, almanac = 60, 20 * 60 // s to the first good answer: with a witness, and with the almanac alone
	add := func(name string, rtc bool, within int, off ...time.Duration) {
		all = append(all, trial{
			name: "witness/" + name, number: "F4", model: "pi-quiet", after: 1800, noRTC: !rtc, bytes: true, servers: servers(off), short: name == "right",
			wanted: fmt.Sprintf("off-by-one served 0, wrong years 0, served for good within %d min", within/60), judge: back(0, within),
		})
	}
	add("right", false, soon, 0)
	for _, off := range []time.Duration{300 * time.Millisecond, -500 * time.Millisecond, -2 * time.Second, 18 * time.Second, time.Hour, 1024 * 7 * 24 * time.Hour} {
		add(fmt.Sprintf("%v-off", off), false, almanac, off)
	}
	for _, off := range []time.Duration{-time.Second, time.Second} {
		add(fmt.Sprintf("%v-off", off), false, almanac, off)
		add(fmt.Sprintf("%v-off-of-two", off), false, soon, off, 0)
		add(fmt.Sprintf("%v-off-of-three", off), false, soon, off, 0, off/2)
		add(fmt.Sprintf("%v-off/rtc", off), true, soon, off)
	}
	return all
}

// servers are so far off each, the first the closest by its own account.
func servers(off []time.Duration) (all []sim.Server) {
	for i, o := range off {
		all = append(all, sim.Server{Name: fmt.Sprint("server ", i), Off: o, Distance: 0.01 * clock.Seconds(i+1)})
	}
	return all
}
