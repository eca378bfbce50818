package browser

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"slices"
)

// frequent is how many colours are taken for how often they are there.
const frequent = 216

// coarse keeps six bits of eight, and white white.
func coarse(v uint32) uint8 { return uint8(v>>8)&^3 | uint8(v>>14) }

// away returns how far a colour is from the nearest of a palette.
func away(palette color.Palette, c color.RGBA) int {
	near := palette[palette.Index(c)].(color.RGBA)
	square := func(a, b uint8) int { return (int(a) - int(b)) * (int(a) - int(b)) }
	return square(c.R, near.R) + square(c.G, near.G) + square(c.B, near.B)
}

// tallest is the height of a picture: what follows is cut off.
const tallest = 3000

// quantised returns a picture with the 256 colours that are most frequent in it: pages have few, and it takes a third of the
// bytes.
func quantised(shot []byte) ([]byte, error) {
	from, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	box := from.Bounds()
	box.Max.Y = min(box.Max.Y, box.Min.Y+tallest)
	often := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA {
		r, g, b, _ := from.At(x, y).RGBA()
		return color.RGBA{coarse(r), coarse(g), coarse(b), 255}
	}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			often[at(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(often), func(a, b color.RGBA) int { return cmp.Compare(often[b], often[a]) })
	var palette color.Palette
	for _, c := range colours[:min(len(colours), frequent)] {
		palette = append(palette, c)
	}
	for len(palette) < 256 && len(palette) < len(colours) { // then what is farthest from all: small marks keep their colour
		palette = append(palette, slices.MaxFunc(colours, func(a, b color.RGBA) int { return cmp.Compare(away(palette, a), away(palette, b)) }))
	}
	to, index := image.NewPaletted(box, palette), map[color.RGBA]uint8{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			c := at(x, y)
			i, ok := index[c]
			if !ok {
				i = uint8(palette.Index(c))
				index[c] = i
			}
			to.SetColorIndex(x, y, i)
		}
	}
	var b bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, to)
	return b.Bytes(), err
}
