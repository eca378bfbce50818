# Timeball. `make run` needs only Go; `make deps` fetches what the tests need besides.
SHELL := /bin/bash
GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)
COMMIT_UNIX := $(shell git log -1 --format=%ct 2>/dev/null || echo 0)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commitUnix=$(COMMIT_UNIX)
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags "$(LDFLAGS)"
TOOLS := $(CURDIR)/.cache/bin

.PHONY: run build deps test check bench bench-loop bench-ntp soak plots fuzz clean image e2e e2e-long web screenshots

# A simulated unit on this machine: NTP on 127.0.0.1:11123, the page on http://127.0.0.1:8080/. Ctrl-C ends it.
run:
	@mkdir -p bin && $(BUILD) -o bin ./cmd/timeballd ./cmd/timeball
	@exec ./bin/timeballd -board sim $(ARGS)

# Static binaries for the boards and for this kind of machine, in dist/.
build:
	@for arch in arm64 arm amd64; do \
		mkdir -p dist/linux-$$arch && GOOS=linux GOARCH=$$arch $(BUILD) -o dist/linux-$$arch ./cmd/timeballd ./cmd/timeball || exit 1; \
		echo "dist/linux-$$arch: timeballd timeball"; \
	done

# The card image for all boards, dist/timeball-VERSION.img, with what belongs to it. As root on Debian it installs its tools.
image:
	@.ci/deps image && $(GO) run ./cmd/mkimage -version $(VERSION) -commit-unix $(COMMIT_UNIX)

deps:
	@.ci/deps

# What `make test` runs is everything but benchmarks and long fuzzing. Its last line counts.
test: check
	@.ci/test

# The programs on the card's kernel, and the card image itself, in an emulated machine; e2e-long for hours of its time, which
# are one of ours, and more power cuts.
e2e:
	@E2E=1 $(GO) test -p 1 -count 1 -v -timeout 30m ./cmd/internal/e2e/...

e2e-long:
	@E2E_LONG=1 $(GO) test -count 1 -v -timeout 6h -tags e2elong ./cmd/internal/e2e/...

# Format, vet, static analysis.
check: $(TOOLS)/staticcheck $(TOOLS)/gofumpt
	@unformatted=$$($(TOOLS)/gofumpt -l .); if [ -n "$$unformatted" ]; then echo "gofumpt would change:"; echo "$$unformatted"; exit 1; fi
	@$(GO) vet ./...
	@for arch in arm64 arm; do GOOS=linux GOARCH=$$arch $(GO) vet ./cmd/... || exit 1; done
	@$(TOOLS)/staticcheck ./...
	@echo "check: gofumpt, vet (amd64, arm64, arm) and staticcheck found nothing"

$(TOOLS)/%: .ci/tools/go.mod
	@mkdir -p $(TOOLS) && $(GO) -C .ci/tools build -o $(TOOLS)/ tool

# The page's script and style, bundled from web/ui into web/assets, which are committed: only this needs npm.
web:
	@.ci/page && $(GO) -C .ci/tools run ./bundle ../../web/ui ../../.cache/page/node_modules ../../web/assets
	@cd web/assets && for f in page.js page.css; do echo "$$f: $$(wc -c <$$f) bytes, $$(gzip -9c $$f | wc -c) compressed"; done

# Pictures of the page in its states, from the simulated board: half an hour, so that the law is learned, with the fonts Liberation
# and Noto CJK.
WARM ?= 21m
screenshots:
	@.ci/deps screenshots && mkdir -p docs/screenshots && $(GO) test ./cmd/internal/browser -count 1 -timeout 60m -args -warm $(WARM) -screenshots $(CURDIR)/docs/screenshots

bench: $(TOOLS)/benchstat
	@$(GO) test -run '^$$' -bench . -benchmem ./...

# The loop on the models of oscillator and pulse, beside chrony on the same noise: half an hour, with QUICK=1 3 minutes.
bench-loop:
	@$(GO) run ./cmd/internal/benchloop $(if $(QUICK),-quick)

# The NTP server beside Debian's chronyd: what an answer costs. As root, in network namespaces; two minutes.
bench-ntp:
	@mkdir -p bin && $(BUILD) -o bin ./cmd/timeballd && $(GO) run ./cmd/internal/benchntp

# Faults of all kinds for HOURS on all cores; goes on where it was interrupted.
HOURS ?= 0.5
soak:
	@mkdir -p .cache && $(GO) run ./cmd/internal/faults -budget $$(awk 'BEGIN{print int($(HOURS)*3600)}')s -state .cache/soak.jsonl

# The pictures of docs/loop.md.
plots:
	@$(GO) run ./cmd/internal/plots -out docs/plots

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 30s
fuzz:
	@.ci/fuzz $(FUZZTIME)

clean:
	rm -rf bin dist .cache
