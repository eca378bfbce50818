package decode_test

import (
	"fmt"

	"timeball/gnss/decode"
	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/ubx"
)

func ExampleDecoder() {
	line := nmea.AppendTXT(nil, "GN", "MOD=NEO-M8T-0")
	line = ubx.Append(line, &ubx.NavPVT{
		Year: 2026, Month: 11, Day: 21, Hour: 12, Sec: 30, Nano: -300, Valid: ubx.PVTDate | ubx.PVTTime | ubx.PVTResolved,
		FixType: 3, Flags: ubx.FixOK,
	})

	decoder, scanner := decode.New(), scan.New()
	scanner.Write(0, 0, line, func(p scan.Packet) {
		report, err := decoder.Decode(p)
		if err != nil || report.Mark == nil {
			return
		}
		second, ok := report.Mark.Second()
		fmt.Println(report.Mark.Message, report.Mark.UTC, "names", second, ok, report.Mark.Valid)
	})
	fmt.Println(decoder.Receiver())
	// Output:
	// NAV-PVT 2026-11-21T12:00:29.999999700Z names 2026-11-21T12:00:30.000Z true true
	// u-blox NEO-M8T-0
}
