package discipline

import "math"

// sawtooth learns with which sign a receiver says by how much its clock could not place a pulse where it belongs: documents
// disagree, the residuals do not. Where it is lost in the pulse's other noise nothing is corrected, and nothing is lost.
//
// residual = slope * said + noise, with slope +1 or -1
type sawtooth struct {
	product, square float64 // sums of residual * said and said^2, s^2
	residual        float64 // and of residual^2
	seen            float64
}

const (
	clearSigmas = 4.0 // by which a slope must differ from 0
	clearSlope  = 0.5 // nearer to 1 than to nothing
	longSaw     = 86400.0
)

// learn takes what the receiver said of a pulse and how far the pulse was from the prediction; s.
func (w *sawtooth) learn(said, residual float64) {
	keep := 1 - 1/longSaw
	w.product = keep*w.product + residual*said
	w.square = keep*w.square + said*said
	w.residual = keep*w.residual + residual*residual
	w.seen = keep*w.seen + 1
}

// correction returns what is to be taken off a pulse of which the receiver said so much: s.
func (w *sawtooth) correction(said float64) float64 {
	if w.square == 0 {
		return 0
	}
	slope, sigma := w.product/w.square, math.Sqrt(w.residual/w.seen/w.square)
	if math.Abs(slope) < clearSlope || math.Abs(slope) < clearSigmas*sigma {
		return 0
	}
	return math.Copysign(said, slope*said)
}

// rms returns how large what the receiver said of its pulses is, root mean square in s; 0 = it says nothing.
func (w *sawtooth) rms() float64 {
	if w.seen == 0 {
		return 0
	}
	return math.Sqrt(w.square / w.seen)
}
