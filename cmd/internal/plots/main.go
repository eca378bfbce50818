// Command plots runs the simulated unit and draws what docs/loop.md shows of the loop, as SVG.
//
// A figure is made of nothing but what the simulated world did and the Snapshots that the Engine published meanwhile.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "docs/plots", "directory to write to")
	flag.Parse()
	if err := write(*out); err != nil {
		log.Fatal("plots: ", err)
	}
}

// write runs the simulations and writes a file for each figure.
func write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	starts, err := coldStarts()
	if err != nil {
		return err
	}
	units, err := days()
	if err != nil {
		return err
	}
	for name, f := range map[string]figure{
		"cold":     coldFigure(starts),
		"load":     loadFigure(units[0]),
		"noise":    noiseFigure(units[0]),
		"holdover": holdoverFigure(units),
		"forecast": forecastFigure(units[0]),
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".svg"), f.svg(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
