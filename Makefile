# Everything a developer needs. `make` alone lists the targets.

GO       ?= go
BIN      := bin/waybill
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X waybill/internal/version.Version=0.1.0-dev+$(VERSION)

# Packages that start goroutines run again under the race detector.
RACE := ./runner ./runner/daemon ./runner/web ./runner/retry ./runner/engine ./runner/state/sqlite \
        ./internal/watch ./internal/objectstore ./internal/identity ./internal/vault

.PHONY: help build test torture demo bench memory lint clean prerequisites

help: ## list the targets
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Says what is missing and how to install it, before anything fails obscurely.
prerequisites:
	@command -v $(GO) >/dev/null 2>&1 || { echo "waybill needs Go 1.26 or later: install it from https://go.dev/dl/ and put it on the PATH." >&2; exit 1; }
	@$(GO) version | awk '{split(substr($$3,3),v,"."); exit !(v[1]>1 || v[2]>=26)}' || { echo "waybill needs Go 1.26 or later; this is $$($(GO) version). Install a newer one from https://go.dev/dl/." >&2; exit 1; }
	@command -v $$($(GO) env CC) >/dev/null 2>&1 || { echo "waybill needs a C compiler for DuckDB: apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc (Fedora), xcode-select --install (macOS)." >&2; exit 1; }

build: prerequisites ## build bin/waybill
	@mkdir -p bin
	@test -x $(BIN) || echo "Building waybill; the first time this takes a few minutes."
	$(GO) build -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/waybill

test: prerequisites ## run all tests: units, stories, end to end, races, fuzz seeds
	$(GO) vet ./...
	$(GO) test $(GOTESTFLAGS) ./...
	$(GO) test -race -short $(GOTESTFLAGS) $(RACE)

# TORTURE=long takes every kill and every fault; TORTUREFLAGS='-seed 7' chooses the same again.
torture: prerequisites ## kill, cut and starve deliveries, and judge what arrived; TORTURE=long takes all
	$(GO) run ./internal/torture $(if $(filter long,$(TORTURE)),-long) $(TORTUREFLAGS)

demo: build ## deliver real flight records to two partners in a local sandbox
	@$(BIN) demo examples/flights
	@echo
	@echo "Next:"
	@echo "  look    examples/flights/pipelines/departures.hcl declares what you saw"
	@echo "  break   misspell a column in examples/flights/sql/delays.sql and run make demo again"
	@echo "  serve   $(BIN) sandbox examples/flights -- $(BIN) serve examples/flights"

bench: prerequisites ## measure speed, each figure against a baseline of the same run
	$(GO) test -run '^$$' -bench . -benchtime 1x ./runner/engine/... ./runner/schedule ./runner/state/... ./runner/compile ./runner/typecheck

# It takes some 10 GB of disk; MEMORYFLAGS='-times 2 -only to_s3' takes less.
memory: prerequisites ## deliver eight times what the engine may hold, and measure the memory of all processes
	$(GO) run ./internal/memory $(MEMORYFLAGS)

lint: prerequisites ## check style and the arrows between packages
	@test -z "$$(gofmt -l cmd config internal runner sinks sources)" || { gofmt -l cmd config internal runner sinks sources; exit 1; }
	$(GO) vet ./...
	$(GO) test ./internal/arrows
	@command -v golangci-lint >/dev/null 2>&1 && golangci-lint run || echo "golangci-lint is not installed; its checks were left out: https://golangci-lint.run"

clean: ## remove what was built
	rm -rf bin
