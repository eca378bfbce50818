// Command faults makes things go wrong with simulated units, in virtual time, and judges them by the figures of the
// catalogue of faults: how soon they notice, how far the clock is moved, whether what they promise stays true.
//
// The soak runs the table of trials for two seeds of five and, for every kind of fault and every seed, units whose fault
// is drawn: when it comes, how long and how large, on which oscillator. Each was restarted, and begins with what it kept
// of two hours of lock. It is resumable: what is done stands in a file of JSON lines, and lines of another build of the
// program are left aside. It exits with 1 when a unit was dishonest about a fault that is claimed to be seen, served a
// wrong second or year, or panicked, or when a figure of the table was missed that is not known to be.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("faults: ")
	seeds := flag.Uint64("seeds", 50, "run seeds 1 to `N`")
	seed := flag.Uint64("seed", 0, "run this `seed` only")
	hours := flag.Float64("hours", 24, "simulated `hours` of a drawn fault's unit, from a restart with a known crystal")
	budget := flag.Duration("budget", 30*time.Minute, "begin no run after this `time`")
	state := flag.String("state", "", "`file` of what is done; \"\" = begin anew and keep nothing")
	only := flag.String("only", ".", "run what matches this `expression`")
	list := flag.Bool("list", false, "list the trials and end")
	flag.Parse()
	matching, err := regexp.Compile(*only)
	if err != nil {
		log.Fatal("-only: ", err)
	}
	if *hours < 0.1 || *hours > 1000 || *seeds < 1 {
		log.Fatal("-hours must be from 0.1 to 1000, -seeds at least 1")
	}
	s := soak{hours: *hours, build: build(), until: time.Now().Add(*budget), first: 1, last: *seeds, matching: matching}
	if *seed != 0 {
		s.first, s.last = *seed, *seed
	}
	if *list {
		s.list(os.Stdout)
		return
	}
	if *state != "" {
		if err := s.resume(*state); err != nil {
			log.Fatal(err)
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	if err := s.run(stop); err != nil {
		log.Fatal(err)
	}
	if !s.report(os.Stdout) {
		os.Exit(1)
	}
}

// build tells one build of this program from another, "" where that is not possible.
func build() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return ""
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6])
}
