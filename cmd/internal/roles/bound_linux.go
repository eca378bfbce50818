package roles

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// ForSupervising is what a Supervisor that is root uses itself: it opens ports below 1024, makes Roles of other users and takes
// from them what they are not to have, ends them, and gives them their directory.
const ForSupervising = 1<<cap.NET_BIND_SERVICE | 1<<cap.SETUID | 1<<cap.SETGID | 1<<cap.SETPCAP | 1<<cap.KILL | 1<<cap.CHOWN |
	1<<cap.DAC_READ_SEARCH

// What one uses as well that does more than supervising.
const (
	NetAdmin    Capabilities = 1 << cap.NET_ADMIN    // give a socket a larger buffer than this machine allows everyone
	DACOverride Capabilities = 1 << cap.DAC_OVERRIDE // make files in the directories of others
)

// Bound takes from every thread of this process, for good, what it is not to have: own is what it may use, given what it may
// only hand on to a Role. It returns what this process has not been given of the two, which is no error. It has to be called
// before a Role is started, and once: threads that start one have given up more, and all are to be as one.
func Bound(own, given Capabilities) (missing Capabilities, err error) {
	effective, permitted, err := capabilities()
	if err != nil {
		return 0, err
	}
	all := own | given
	if effective&(1<<cap.SETPCAP) != 0 {
		if err := cap.DropBound((^all & known()).values()...); err != nil {
			return 0, fmt.Errorf("bounding set: %w", err)
		}
	}
	set := cap.NewSet()
	if err := set.SetFlag(cap.Permitted, true, (all & permitted).values()...); err != nil {
		return 0, fmt.Errorf("permitted %v: %w", all&permitted, err)
	}
	if err := set.SetFlag(cap.Effective, true, (own & permitted).values()...); err != nil {
		return 0, fmt.Errorf("effective %v: %w", own&permitted, err)
	}
	if err := set.SetProc(); err != nil {
		return 0, fmt.Errorf("capabilities %v: %w", set, err)
	}
	return all &^ permitted, nil
}

// known returns what the kernel knows.
func known() Capabilities { return 1<<cap.MaxBits() - 1 }

// values lists c.
func (c Capabilities) values() (all []cap.Value) {
	for v := range cap.MaxBits() {
		if c&(1<<v) != 0 {
			all = append(all, v)
		}
	}
	return all
}
