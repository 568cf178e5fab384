# One command: make test. It needs Go, a C compiler for the race detector, and
# once the module proxy. `make help` lists the rest.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS   += --no-print-directory

# Every module of the workspace, as paths relative to this directory.
MODULES := $(patsubst $(CURDIR)%,.%,$(shell go list -m -f '{{.Dir}}'))
PACKAGES := $(addsuffix /...,$(MODULES))

# Tools live in modules of their own, outside the workspace, so that they reach
# no user. `go tool -n` builds one into the build cache and names it.
staticcheck = $$(GOWORK=off go -C internal/tools tool -n staticcheck)
golangci    = $$(GOWORK=off go -C internal/tools/golangci tool -n golangci-lint)

FUZZTIME ?= 10s
BENCH    ?= .
ROWS     ?=
WS       ?=

# The steps of make test, in this order: the quick ones speak first. They run
# one after the other, for each keeps all cores busy by itself.
STEPS := format vet staticcheck race alone

.PHONY: help test $(STEPS) alloc lint bench bench-ws benchmarks neighbours long fuzz cover guarantees

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 14

test: ## all that must hold before a change goes in
	@for step in $(STEPS); do \
		echo "== $$step"; began=$$SECONDS; \
		$(MAKE) $$step || { echo "make test: FAILED in $$step (alone: make $$step)" >&2; exit 1; }; \
		echo "   $$step: ok, $$((SECONDS - began)) s"; \
	done
	@echo "make test: ok"

format: ## gofmt has nothing to change
	@bad=$$(gofmt -l .); [[ -z $$bad ]] || { echo "not formatted (gofmt -w them):" >&2; echo "$$bad" >&2; exit 1; }

vet: ## go vet over all modules
	@go vet work

staticcheck: ## staticcheck over all modules, see staticcheck.conf
	@$(staticcheck) $(PACKAGES)

race: ## all tests of all modules together, under the race detector
	@go test -race -shuffle=on -timeout=8m work

# The workspace hides a missing requirement and a stale go.sum. This run is
# without the race detector, so the allocation gates, which it would disturb,
# are part of it.
alone: ## each module by itself: tidy, build, vet, test with the allocation gates
	@for m in $(MODULES); do \
		echo "-- $$m"; \
		( cd $$m && export GOWORK=off && go mod tidy -diff && go build -o /dev/null ./... && go vet ./... && \
		  go test -shuffle=on -timeout=8m ./... ) || { echo "module $$m fails alone" >&2; exit 1; }; \
	done

alloc: ## only the allocation gates
	@go test -run Alloc work

lint: ## golangci-lint over all modules, see .golangci.yml
	@$(golangci) run $(PACKAGES)

# Its peers are in a module of their own. A benchmark that does less work than
# its peers would win, so first the test that it does.
bench: ## the speed of the core beside its peers, as a table (ROWS=regexp)
	@cd internal/bench; export GOWORK=off; go vet .; go test . >&2; go run . -row '$(ROWS)'

# Each server is a process of its own. WS=flags, such as '-clients 1000'.
bench-ws: ## the speed of the websockets beside their peers, as a table (WS=flags)
	@cd internal/bench; export GOWORK=off; go vet ./ws; go test ./ws >&2; go run ./ws $(WS)

benchmarks: ## the benchmarks of the packages themselves (BENCH=regexp)
	@go test -run '^$$' -bench '$(BENCH)' -benchmem work

# They need a lot of modules, which no user of ours gets.
neighbours: ## engines of others (cron, NATS, River) as services, from a module of their own
	@cd internal/neighbours; export GOWORK=off; go mod tidy -diff; go vet ./...; go test -race -timeout=5m ./...

long: ## the tests with their full numbers: minutes, not seconds
	@CRECHE_LONG=1 go test -timeout=60m work

fuzz: ## every fuzz target for a short time each (FUZZTIME=10s)
	@grep -rhoE --include='*_test.go' '^func Fuzz\w+' . >/dev/null || { echo "no fuzz targets"; exit 0; }; \
	for dir in $$(grep -rlE --include='*_test.go' '^func Fuzz\w+' . | xargs -n1 dirname | sort -u); do \
		for target in $$(grep -hoE '^func Fuzz\w+' $$dir/*_test.go | cut -c6-); do \
			echo "== $$dir $$target"; go -C $$dir test -run "^$$target\$$" -fuzz "^$$target\$$" -fuzztime=$(FUZZTIME) .; \
		done; \
	done

cover: ## coverage of all modules by all tests, into coverage.out
	@go test -coverpkg=github.com/creche-go/creche/... -coverprofile=coverage.out work
	@go tool cover -func=coverage.out | tail -1

guarantees: ## write the names of the tests into docs/guarantees.md
	@go test -run '^TestGuarantees$$' -count=1 . -update
