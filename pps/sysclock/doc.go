// Package sysclock is the clock of the machine, steered by clock_adjtime(2).
//
// Clock implements discipline.Clock: a frequency becomes scaled ppm (2^-16 ppm, about 1.5e-11) between -500 and +500 ppm,
// a step becomes ADJ_SETOFFSET in nanoseconds, a status becomes maxerror, esterror, STA_UNSYNC, STA_INS, STA_DEL and the
// TAI offset. The kernel's own loops (STA_PLL, STA_FLL, the PPS discipline) are never used: the loop is in user space.
// Units and meanings are those of adjtimex(2) and of RFC 5905, appendix A; seconds and ratios are those of pps/clock.
//
// Nothing is changed before the first call that steers; that call takes the clock over from whoever had it: it cancels
// an adjtime(3) and a PLL offset still being slewed, clears the status flags, sets a tick another daemon left odd back to
// nominal, keeps the frequency and declares the clock unsynchronised. Another program that goes on steering is not
// prevented, only seen: see Kernel and Clock.Interference. Monitor has the same methods and changes nothing.
//
// Errors name the call and keep the errno for errors.Is; without CAP_SYS_TIME it is EPERM and the text says so. A call the
// kernel refused changed nothing and can be repeated. Nothing here starts a goroutine; a Clock has one user at a time.
package sysclock
