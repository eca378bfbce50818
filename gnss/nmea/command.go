package nmea

import "strconv"

// Rates are how often a CASIC receiver sends its sentences: once every so many solutions, 0 = never.
type Rates struct{ GGA, GLL, GSA, GSV, RMC, VTG, ZDA, ANT int }

// casicBauds are the baud rates in the order of PCAS01.
var casicBauds = []int{4800, 9600, 19200, 38400, 57600, 115200}

// AppendPCASBaud appends the command that sets the baud rate of a CASIC receiver (PCAS01). A rate that it does not have
// appends nothing.
func AppendPCASBaud(dst []byte, baud int) []byte {
	for i, b := range casicBauds {
		if b == baud {
			return command(dst, "PCAS01", i)
		}
	}
	return dst
}

// AppendPCASInterval appends the command that sets the milliseconds between solutions (PCAS02): 1000, 500, 250, 200, 100.
func AppendPCASInterval(dst []byte, ms int) []byte { return command(dst, "PCAS02", ms) }

// AppendPCASRates appends the command that sets which sentences are sent (PCAS03). The two that no timing needs, DHV and
// LPS, and GST are switched off.
func AppendPCASRates(dst []byte, r Rates) []byte {
	at := len(dst)
	dst = append(dst, "$PCAS03"...)
	for _, n := range []int{r.GGA, r.GLL, r.GSA, r.GSV, r.RMC, r.VTG, r.ZDA, r.ANT, 0, 0} {
		dst = strconv.AppendInt(append(dst, ','), int64(n), 10)
	}
	return finish(append(dst, ",,,0,0"...), at)
}

// Systems of PCAS04, to be added.
const (
	PCASGPS     = 1
	PCASBeiDou  = 2
	PCASGLONASS = 4
)

// AppendPCASSystems appends the command that chooses the systems (PCAS04).
func AppendPCASSystems(dst []byte, systems int) []byte { return command(dst, "PCAS04", systems) }

// What AppendPCASQuery asks for; the receiver answers with TXT.
const (
	PCASFirmware = 0
	PCASHardware = 1
	PCASMode     = 2
)

// AppendPCASQuery appends a question (PCAS06).
func AppendPCASQuery(dst []byte, what int) []byte { return command(dst, "PCAS06", what) }

// AppendPUBXRate appends the command that sets how often a u-blox receiver sends a standard sentence, such as "ZDA", on
// its first serial port and USB (PUBX,40).
func AppendPUBXRate(dst []byte, sentence string, rate int) []byte {
	n := strconv.Itoa(rate)
	return AppendSentence(dst, "PUBX,40,"+sentence+",0,"+n+",0,"+n+",0,0")
}

// AppendPUBXPort appends the command that sets the first serial port of a u-blox receiver to take UBX and NMEA, to send
// the protocols of the mask (1 UBX, 2 NMEA), and to a baud rate (PUBX,41).
func AppendPUBXPort(dst []byte, out, baud int) []byte {
	return AppendSentence(dst, "PUBX,41,1,0003,000"+strconv.Itoa(out&3)+","+strconv.Itoa(baud)+",0")
}

// AppendPUBXPoll appends the question for PUBX,00, PUBX,03 or PUBX,04.
func AppendPUBXPoll(dst []byte, number int) []byte {
	return AppendSentence(dst, "PUBX,"+string(pad2(nil, number)))
}

func command(dst []byte, address string, value int) []byte {
	return AppendSentence(dst, address+","+strconv.Itoa(value))
}
