package page

// table is a table, of its own or behind a plot.
type table struct {
	Title, Caption string
	Head           []column
	Rows           []row
	Stack          bool   // becomes a list on a phone: its cells are prose
	Explain        []Fact // what the columns mean
	ExplainTitle   string
}

type column struct {
	Text   string
	Number bool
}

// row is one line; X is where it stands on the plot's axis, in thousandths, "" where it is of no plot.
type row struct {
	X     string
	Cells []cell
}

// cell is one field. Small stands below Text.
type cell struct {
	Text, Small, Shape string
	Label              string // says on a phone what the column's head says
	Number, Wide, Bold bool
}

// textRow returns a row of plain cells, of which those after the first are numbers.
func textRow(x string, texts ...string) row {
	r := row{X: x}
	for i, text := range texts {
		r.Cells = append(r.Cells, cell{Text: text, Number: i > 0})
	}
	return r
}

// numbersHead returns a head whose columns after the first hold numbers.
func numbersHead(texts ...string) []column {
	var head []column
	for i, text := range texts {
		head = append(head, column{text, i > 0})
	}
	return head
}
