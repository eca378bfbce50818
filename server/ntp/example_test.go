package ntp_test

import (
	"fmt"

	"timeball/pps/clock"
	"timeball/server/ntp"
)

func ExampleReply() {
	published := clock.Reading{Mono: 5_000_000_000, Real: 1795262400_000_000_000, Boot: 5_000_000_000}
	ref := ntp.Reference{
		Anchor: published, Expiry: published.Mono + 5_000_000_000, Synchronised: true, Stratum: 1,
		ReferenceID: [4]byte{'P', 'P', 'S'}, Bound: 40e-6, Growth: 1e-6, Precision: -23,
	}
	client := ntp.Packet{Version: 4, Mode: ntp.ModeClient, Transmit: 42}
	request := client.Append(nil)

	for _, after := range []int64{1_000_000_000, 5_000_000_000} {
		now := published
		now.Mono, now.Real, now.Boot = now.Mono+clock.Mono(after), now.Real+clock.Real(after), now.Boot+clock.Boot(after)
		raw, refusal := ntp.Reply(nil, request, &ref, now, now.Real-20_000)
		answer, _ := ntp.Decode(raw)
		fmt.Printf("%v: leap %d, stratum %d, root dispersion %.3f us, origin %d (doubt: %v)\n", refusal, answer.Leap,
			answer.Stratum, 1e6*answer.RootDispersion.Seconds(), answer.Origin, ref.Check(now))
	}
	// Output:
	// answered: leap 0, stratum 1, root dispersion 45.776 us, origin 42 (doubt: none)
	// answered: leap 3, stratum 0, root dispersion 16000000.000 us, origin 42 (doubt: reference expired)
}
