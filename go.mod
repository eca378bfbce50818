module timeball

go 1.26.0
