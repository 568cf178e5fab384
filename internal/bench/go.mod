module github.com/creche-go/creche/internal/bench

go 1.26.0

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/arunsworld/nursery v0.6.0
	github.com/coder/websocket v1.8.15
	github.com/creachadair/taskgroup v0.14.5
	github.com/creche-go/creche v0.1.0
	github.com/creche-go/creche/websocket v0.1.0
	github.com/gorilla/websocket v1.5.3
	github.com/lxzan/gws v1.8.9
	github.com/sourcegraph/conc v0.3.0
	golang.org/x/sync v0.24.0
	gopkg.in/tomb.v2 v2.0.0-20161208151619-d5d1b5820637
)

require (
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
	golang.org/x/net v0.62.0 // indirect
)

replace (
	github.com/creche-go/creche => ../..
	github.com/creche-go/creche/websocket => ../../websocket
)
