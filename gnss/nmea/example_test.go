package nmea_test

import (
	"fmt"
	"strings"

	"timeball/gnss/nmea"
	"timeball/gnss/scan"
	"timeball/gnss/timescale"
)

func Example() {
	stamp := nmea.Stamp{UTC: 1781265672 * timescale.Second, Decimals: 2}
	line := nmea.AppendRMC(nil, nmea.RMC{Talker: "GN", Stamp: stamp, Place: nmea.Place{Unknown: true}, Valid: true, Mode: 'A'})
	fmt.Println(strings.TrimSuffix(string(line), "\r\n"))

	const byteTime = 10. / 9600 // seconds
	decoder := nmea.NewDecoder()
	scan.New().Write(1_000_000_000, byteTime, line, func(p scan.Packet) {
		report, err := decoder.Decode(p)
		if err != nil {
			fmt.Println(err)
			return
		}
		m := report.Mark
		fmt.Println(m.Message, m.UTC, m.Valid, "from", m.Arrival, "to", m.End)
	})
	// Output:
	// $GNRMC,120112.00,A,,,,,,,120626,,,A*7B
	// GNRMC 2026-06-12T12:01:12.000Z true from 1000000000 to 1038541667
}
