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
govulncheck = $$(GOWORK=off go -C internal/tools tool -n govulncheck)
golangci    = $$(GOWORK=off go -C internal/tools/golangci tool -n golangci-lint)

# Looks at the repository as users do; see internal/release.
release = cd internal/release; GOWORK=off go run .

FUZZ    ?= 60
NEXTGO  ?= go1.27.4
VULNDB  ?= https://vuln.go.dev
BENCH   ?= .
ROWS    ?=
VERSION ?=
ONLY    ?=
WS      ?=

# The steps of make test, in this order: the quick ones speak first. They run
# one after the other, for each keeps all cores busy by itself.
STEPS := format vet staticcheck exports race alone consumers

.PHONY: help test $(STEPS) api alloc lint mutants bench bench-app bench-http bench-ws figures reliability benchmarks neighbours peers long fuzz leaks next vulnerabilities \
	cover guarantees rehearsal release

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' Makefile | expand -t 17

test: ## all that must hold before a change goes in
	@for step in $(STEPS); do \
		echo "== $$step"; began=$$SECONDS; \
		$(MAKE) $$step || { echo "make test: FAILED in $$step (alone: make $$step)" >&2; exit 1; }; \
		echo "   $$step: ok, $$((SECONDS - began)) s"; \
	done
	@echo "make test: ok"

format: ## gofmt has nothing to change
	@bad=$$(gofmt -l .); [[ -z $$bad ]] || { echo "not formatted (gofmt -w them):" >&2; echo "$$bad" >&2; exit 1; }

vet: ## go vet over all modules, and over the core and the websockets as 32 bits and Windows have them
	@go vet work
	@GOARCH=386 go vet ./... ./websocket/...
	@GOOS=windows go vet ./... ./websocket/...

staticcheck: ## staticcheck over all modules, see staticcheck.conf
	@$(staticcheck) $(PACKAGES)

exports: ## api.txt of each module says what it exports
	@$(release) api

api: ## write what each module exports into its api.txt
	@$(release) api -write

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

# First the controls, which show that the proof fails where it should.
consumers: ## what is committed works outside of the repository: README, imports, tests
	@cd internal/release; export GOWORK=off; go mod tidy -diff; go vet .; go test .
	@$(release) consumers

alloc: ## only the allocation gates
	@go test -run Alloc work

lint: ## golangci-lint over all modules, see .golangci.yml
	@$(golangci) run --allow-parallel-runners $(PACKAGES)

mutants: ## break package nursery in many ways: which tests notice?
	@go run ./internal/mutants -only '$(ONLY)'

# Its peers are in a module of their own. A benchmark that does less work than
# its peers would win, so first the test that it does.
bench: ## the speed of the core beside its peers, as a table (ROWS=regexp)
	@cd internal/bench; export GOWORK=off; go vet .; go test . >&2; go run . -row '$(ROWS)'

bench-http: ## requests over loopback beside the bare routers, as a table (ROWS=regexp)
	@cd internal/bench; export GOWORK=off; go vet ./routers ./sampling; go test ./routers ./sampling >&2; go run ./routers -row '$(ROWS)'

bench-app: ## rules, stops and lists beside what one would use without, as a table (ROWS=regexp)
	@cd internal/bench; export GOWORK=off; go vet ./app; go test ./app >&2; go run ./app -row '$(ROWS)'

# Each server is a process of its own. Without WS the whole list, in three minutes;
# WS='-work echo' is a part of it, and WS='-clients 51 -stalled 1' something else.
bench-ws: ## the speed of the websockets beside their peers, as a table (WS=flags)
	@cd internal/bench; export GOWORK=off; go vet ./ws; go test ./ws >&2; go run ./ws $(WS)

figures: ## all tables of BENCHMARKS.md, measured again and written into it (ONLY=regexp)
	@go run ./internal/figures benchmarks -only '$(ONLY)'

reliability: ## the tests behind RELIABILITY.md with their full numbers, which it gets (ONLY=regexp)
	@go run ./internal/figures reliability -only '$(ONLY)'

benchmarks: ## the benchmarks of the packages themselves (BENCH=regexp)
	@go test -run '^$$' -bench '$(BENCH)' -benchmem work

# They need a lot of modules, which no user of ours gets.
neighbours: ## engines of others (cron, NATS, River) as services, from a module of their own
	@cd internal/neighbours; export GOWORK=off; go mod tidy -diff; go vet ./...; go test -race -timeout=5m ./...

# They need a browser, Node.js and Python, which .ci/run installs. Nothing of it
# is cached, for what they test is a process.
peers: ## websocket clients of others, a browser among them, drive the running chat
	@cd internal/peers; export GOWORK=off; go mod tidy -diff; go vet ./...; go test -race -count=1 -parallel=16 -timeout=5m ./...

long: ## the tests with their full numbers: minutes, not seconds
	@CRECHE_LONG=1 NURSERYTEST_SEEDS=1000000 go test -timeout=60m work

# Before Go 1.27 the end of -fuzztime is told as a failure now and then, the more
# so on a busy machine (go.dev/issue/75804). A finding shows an input or a stack:
# what shows neither is run once more.
fuzz: ## all fuzz targets, in FUZZ=60 seconds together
	@targets=$$(grep -roE --include='*_test.go' '^func Fuzz\w+' . | sort); \
	[[ -n $$targets ]] || { echo "no fuzz targets" >&2; exit 1; }; \
	each=$$(( $(FUZZ) / $$(wc -l <<<"$$targets") )); \
	fuzz() { \
		go -C "$$1" test -run "^$$2\$$" -fuzz "^$$2\$$" -fuzztime="$$(( each > 1 ? each : 1 ))s" -fuzzminimizetime=1s . </dev/null; \
	}; \
	out=$$(mktemp); trap 'rm -f "$$out"' EXIT; \
	while IFS=: read -r file func; do \
		dir=$$(dirname "$$file"); target=$${func#func }; echo "== $$dir $$target"; \
		fuzz "$$dir" "$$target" 2>&1 | tee "$$out" && continue; \
		grep -A1 -e '--- FAIL' "$$out" | grep -qx '    context deadline exceeded' && ! grep -q 'Failing input' "$$out" || exit 1; \
		echo "== $$dir $$target, once more"; fuzz "$$dir" "$$target"; \
	done <<<"$$targets"

leaks: ## the runtime's profile of leaked goroutines stays empty in nursery and creche
	@.ci/leaks

next: ## vet and test with a second Go, if it can be had (NEXTGO=go1.27.4)
	@export GOTOOLCHAIN=$(NEXTGO); go version || { echo "$(NEXTGO) cannot be had here: nothing is tested with it"; exit 0; }; \
	go vet work; go test -timeout=8m work

vulnerabilities: ## known ones in what the modules call, if their list can be had
	@said=$$($(govulncheck) -db=$(VULNDB) $(PACKAGES) 2>&1) && code=0 || code=$$?; echo "$$said"; \
	if (( code )) && [[ $$said == *"fetching vulnerabilities"* ]]; then \
		echo "the list of vulnerabilities cannot be had here: nothing is compared with it"; exit 0; \
	fi; exit $$code

cover: ## coverage of all modules by all tests, into coverage.out
	@go test -coverpkg=github.com/creche-go/creche/... -coverprofile=coverage.out work
	@go tool cover -func=coverage.out | tail -1

guarantees: ## write the tests and what is kept in part into docs/guarantees.md
	@go test -run '^TestGuarantees$$' -count=1 . -update

# A release happens in a copy first. Only a rehearsal that went well is repeated
# here, and nothing is pushed.
rehearsal: ## the next release in a copy: versions, changelog, API, tags, users
	@$(release) release -dry-run -tests=none

release: ## commit and tag VERSION=v0.2.0 after its rehearsal, and say what to push
	@$(release) release $(VERSION)
