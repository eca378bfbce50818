package replay

import (
	"bytes"
	"fmt"
)

// sentenceType returns the address of an NMEA sentence, talker and type: "GNRMC".
func sentenceType(b []byte) string {
	if i := bytes.IndexAny(b, ",*"); i > 0 {
		b = b[:i]
	}
	return string(b[1:])
}

// message is class and id of a binary message.
type message [2]byte

// ubxNames are the UBX messages that a time server has to do with.
var ubxNames = map[message]string{
	{0x01, 0x01}: "NAV-POSECEF", {0x01, 0x02}: "NAV-POSLLH", {0x01, 0x03}: "NAV-STATUS", {0x01, 0x04}: "NAV-DOP",
	{0x01, 0x06}: "NAV-SOL", {0x01, 0x07}: "NAV-PVT", {0x01, 0x11}: "NAV-VELECEF", {0x01, 0x12}: "NAV-VELNED",
	{0x01, 0x20}: "NAV-TIMEGPS", {0x01, 0x21}: "NAV-TIMEUTC", {0x01, 0x22}: "NAV-CLOCK", {0x01, 0x23}: "NAV-TIMEGLO",
	{0x01, 0x24}: "NAV-TIMEBDS", {0x01, 0x25}: "NAV-TIMEGAL", {0x01, 0x26}: "NAV-TIMELS", {0x01, 0x30}: "NAV-SVINFO",
	{0x01, 0x32}: "NAV-SBAS", {0x01, 0x35}: "NAV-SAT", {0x01, 0x43}: "NAV-SIG", {0x01, 0x61}: "NAV-EOE",
	{0x02, 0x10}: "RXM-RAW", {0x02, 0x11}: "RXM-SFRB", {0x05, 0x00}: "ACK-NAK", {0x05, 0x01}: "ACK-ACK",
	{0x0A, 0x04}: "MON-VER", {0x0A, 0x09}: "MON-HW", {0x0A, 0x37}: "MON-HW3", {0x0A, 0x38}: "MON-RF",
	{0x0D, 0x01}: "TIM-TP", {0x0D, 0x04}: "TIM-SVIN", {0x27, 0x03}: "SEC-UNIQID",
}

// casicNames are the CASIC messages of its protocol specification.
var casicNames = map[message]string{
	{0x01, 0x00}: "NAV-STATUS", {0x01, 0x01}: "NAV-DOP", {0x01, 0x02}: "NAV-SOL", {0x01, 0x03}: "NAV-PV",
	{0x01, 0x10}: "NAV-TIMEUTC", {0x01, 0x11}: "NAV-CLOCK", {0x01, 0x20}: "NAV-GPSINFO", {0x01, 0x21}: "NAV-BDSINFO",
	{0x01, 0x22}: "NAV-GLNINFO", {0x02, 0x00}: "TIM-TP", {0x05, 0x00}: "ACK-NAK", {0x05, 0x01}: "ACK-ACK",
	{0x06, 0x00}: "CFG-PRT", {0x06, 0x01}: "CFG-MSG", {0x06, 0x02}: "CFG-RST", {0x06, 0x03}: "CFG-TP",
	{0x06, 0x04}: "CFG-RATE", {0x06, 0x05}: "CFG-CFG", {0x06, 0x06}: "CFG-TMODE", {0x06, 0x07}: "CFG-NAVX",
	{0x0A, 0x04}: "MON-VER", {0x0A, 0x09}: "MON-HW",
}

func ubxType(class, id byte) string   { return named(ubxNames, class, id) }
func casicType(class, id byte) string { return named(casicNames, class, id) }

func named(names map[message]string, class, id byte) string {
	if name, ok := names[message{class, id}]; ok {
		return name
	}
	return fmt.Sprintf("%02x-%02x", class, id)
}
