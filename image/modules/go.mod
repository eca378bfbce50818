// Kernel and firmware of the card image, kept apart from the modules that the programs are built from.
module timeball/image/modules

go 1.26.0

require (
	github.com/gokrazy/firmware v0.0.0-20260522070551-527ce0ed43cf
	github.com/gokrazy/kernel.rpi v0.0.0-20251127164438-9778ec0261de
)
