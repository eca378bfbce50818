package discipline

import "timeball/pps/oscillator"

// filter is the Kalman filter of the clock: phase x (seconds, local minus reference), frequency y of the undisciplined
// oscillator, its drift d per second, and the coefficients c of the oscillator's law. What the clock is told, u, adds to y
// and is known, and so are the changes of the law's terms, df.
//
//	x' = x + (y + u) dt + d dt^2/2    white FM adds white^2 dt
//	y' = y + d dt + c.df              random-walk FM adds walk^2 dt
//	d' = d                            random-run FM adds run^2 dt
//	c' = c
type filter struct {
	s     state
	p     covariance
	noise level
}

const (
	phase, frequency, drift, law = 0, 1, 2, 3 // places in a state; law is the first coefficient
	states                       = law + oscillator.Terms
)

// law returns the coefficients of the oscillator's law.
func (f *filter) law() *oscillator.Vector { return (*oscillator.Vector)(f.s[law:]) }

type (
	state      [states]float64
	covariance [states][states]float64
)

// level is the noise of an oscillator: sigma after one second of white, random-walk and random-run frequency modulation
// (IEEE 1139), in s, fractional frequency and fractional frequency per second.
type level struct{ white, walk, run float64 }

// move moves the state by dt seconds, during which the clock ran u faster than its oscillator.
func (f *filter) move(dt, u float64) {
	f.s[phase] += (f.s[frequency]+u)*dt + f.s[drift]*dt*dt/2
	f.s[frequency] += f.s[drift] * dt
}

// spread lets the uncertainty grow for dt seconds: P = F P F' + Q with F = [1 dt dt^2/2; 0 1 dt; 0 0 1].
func (f *filter) spread(dt float64) {
	if dt <= 0 {
		return
	}
	p := &f.p
	for j := range states {
		p[phase][j] += dt*p[frequency][j] + dt*dt/2*p[drift][j]
		p[frequency][j] += dt * p[drift][j]
	}
	for i := range states {
		p[i][phase] += dt*p[i][frequency] + dt*dt/2*p[i][drift]
		p[i][frequency] += dt * p[i][drift]
	}
	p[phase][phase] += f.noise.white * f.noise.white * dt
	p[frequency][frequency] += f.noise.walk * f.noise.walk * dt
	p[drift][drift] += f.noise.run * f.noise.run * dt
}

// sense takes a change of the law's terms.
func (f *filter) sense(df *oscillator.Vector) {
	p := &f.p
	for j := range states {
		sum := 0.0
		for i, d := range df {
			sum += d * p[law+i][j]
		}
		p[frequency][j] += sum
	}
	for i := range states {
		sum := 0.0
		for j, d := range df {
			sum += d * p[i][law+j]
		}
		p[i][frequency] += sum
	}
	for i, d := range df {
		f.s[frequency] += f.s[law+i] * d
	}
}

// coasted adds the error e that a holdover of h seconds is expected to have made, in phase and in frequency, and opens the
// drift anew. The frequency is taken to have wandered off (random walk FM): with variance q per second it has q h by then and
// the phase q h^3/3, with a covariance of q h^2/2. When the phase alone has moved, the two have nothing in common.
func (f *filter) coasted(e, h float64, wandered bool) {
	f.p[phase][phase] += e * e
	f.p[frequency][frequency] += 3 * e * e / (h * h)
	if wandered {
		f.p[phase][frequency] += 1.5 * e * e / h
		f.p[frequency][phase] += 1.5 * e * e / h
	}
	for i := range states {
		f.p[drift][i], f.p[i][drift] = 0, 0
	}
	f.p[drift][drift] = initialDrift * initialDrift
}

// update takes the score of a measured phase (for a normal residual v of variance S it is v/S) and its information (1/S).
func (f *filter) update(score, information float64) {
	row := f.p[phase] // symmetric: the column too
	for i := range states {
		f.s[i] += row[i] * score
		k := row[i] * information
		for j := range i + 1 {
			m := f.p[i][j] - k*row[j]
			f.p[i][j], f.p[j][i] = m, m
		}
	}
}
