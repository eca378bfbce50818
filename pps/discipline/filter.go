package discipline

// filter is the Kalman filter of the clock: phase x (seconds, local minus reference), frequency y of the undisciplined
// oscillator and its drift d per second. What the clock is told, u, adds to y and is known.
//
//	x' = x + (y + u) dt + d dt^2/2    white FM adds white^2 dt
//	y' = y + d dt                     random-walk FM adds walk^2 dt
//	d' = d                            random-run FM adds run^2 dt
type filter struct {
	x, y, d float64
	p       [3][3]float64
	noise   level
}

// level is the noise of an oscillator: sigma after one second of white, random-walk and random-run frequency modulation
// (IEEE 1139), in s, fractional frequency and fractional frequency per second.
type level struct{ white, walk, run float64 }

// move moves the state by dt seconds, during which the clock ran u faster than its oscillator.
func (f *filter) move(dt, u float64) {
	f.x += (f.y+u)*dt + f.d*dt*dt/2
	f.y += f.d * dt
}

// spread lets the uncertainty grow for dt seconds: P = F P F' + Q with F = [1 dt dt^2/2; 0 1 dt; 0 0 1].
func (f *filter) spread(dt float64) {
	if dt <= 0 {
		return
	}
	p := &f.p
	for i := range 3 {
		p[0][i] += dt*p[1][i] + dt*dt/2*p[2][i]
		p[1][i] += dt * p[2][i]
	}
	for i := range 3 {
		p[i][0] += dt*p[i][1] + dt*dt/2*p[i][2]
		p[i][1] += dt * p[i][2]
	}
	p[0][0] += f.noise.white * f.noise.white * dt
	p[1][1] += f.noise.walk * f.noise.walk * dt
	p[2][2] += f.noise.run * f.noise.run * dt
}

// coasted adds the error e that a holdover of h seconds is expected to have made, in phase and in frequency, and opens the
// drift anew.
func (f *filter) coasted(e, h float64) {
	rate := 2 * e / h // a frequency that left linearly has erred by half of this on average
	f.p[0][0] += e * e
	f.p[0][1] += e * rate
	f.p[1][0] += e * rate
	f.p[1][1] += rate * rate
	f.p[2] = [3]float64{2: initialDrift * initialDrift}
	f.p[0][2], f.p[1][2] = 0, 0
}

// update takes an innovation v (measured minus predicted phase) whose variance is r plus that of the state.
func (f *filter) update(v, r float64) {
	s := f.p[0][0] + r
	k := [3]float64{f.p[0][0] / s, f.p[1][0] / s, f.p[2][0] / s}
	f.x += k[0] * v
	f.y += k[1] * v
	f.d += k[2] * v
	row := f.p[0]
	for i := range 3 {
		for j := range 3 {
			f.p[i][j] -= k[i] * row[j]
		}
	}
	for i := range 3 { // rounding must not make it lopsided
		for j := range i {
			m := (f.p[i][j] + f.p[j][i]) / 2
			f.p[i][j], f.p[j][i] = m, m
		}
	}
}
