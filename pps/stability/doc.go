// Package stability says how steady a clock is over one second, a minute, a day: overlapping Allan deviation (ADEV),
// modified Allan deviation (MDEV) and time deviation (TDEV), on line, from one phase sample per interval.
//
// Phases are seconds, local minus reference, at a fixed interval tau0; deviations of frequency are fractional, TDEV is
// seconds. The definitions are those of IEEE Std 1139 and NIST SP 1065, 5.2.4, 5.2.5 and 5.2.6:
//
//	AVAR(tau) = sum (x[i] - 2 x[i-m] + x[i-2m])^2 / (2 tau^2 terms),  tau = m tau0
//	MVAR(tau) = the same with each x a mean of m neighbouring samples
//	TDEV(tau) = tau MDEV(tau) / sqrt(3)
//
// Averaging times are octaves, tau0 to 2^17 tau0 (36 h at one sample a second). Up to 256 tau0 the windows move on by
// one sample and the results are those formulas to the last term. Above, they move on by tau/256, the stride: ADEV takes
// the last phase of each stride, MDEV the mean of all its samples. Every window is exact; there are only fewer of them,
// overlapping by more than 99 %. The memory is about 140 kB whatever the history, and all of it is taken by New.
//
// Nothing is interpolated. After a missed sample (Miss) ADEV leaves out the terms that need that very sample, and MDEV,
// whose windows need all samples, starts its windows anew. After a phase step or an interruption of unknown length (Gap)
// both start anew. What was summed up before stays. A sample that is no number counts as missed, and a change no
// oscillator can make (15 ms from one sample to the next) as a phase step, so that nothing that comes in can panic or
// overflow.
//
// Phases become integers of 2^-43 s (0.11 ps; its rounding is noise of 0.03 ps rms), so that second differences are
// exact however far a frequency offset has carried the phase: limited only by the 53 bits of the phase given,
// 0.9 fs at 8 s.
package stability
