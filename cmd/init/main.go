// Command init is process 1 of the card: it mounts, brings the network up, starts timeballd and keeps it running. It does
// nothing anywhere else.
package main

import (
	"fmt"
	"os"

	"timeball/cmd/internal/boot"
)

func main() {
	err := boot.Main()
	fmt.Fprintln(os.Stderr, "init:", err)
	os.Exit(1)
}
