module github.com/creche-go/creche/internal/bench

go 1.26.0

require (
	github.com/alitto/pond/v2 v2.7.1
	github.com/arunsworld/nursery v0.6.0
	github.com/coder/websocket v1.8.15
	github.com/creachadair/taskgroup v0.14.5
	github.com/creche-go/creche v0.1.0
	github.com/creche-go/creche/adapters/chicreche v0.1.0
	github.com/creche-go/creche/adapters/echo5creche v0.1.0
	github.com/creche-go/creche/adapters/echocreche v0.1.0
	github.com/creche-go/creche/websocket v0.1.0
	github.com/go-chi/chi/v5 v5.5.0
	github.com/gorilla/websocket v1.5.3
	github.com/labstack/echo/v4 v4.16.0
	github.com/labstack/echo/v5 v5.4.4
	github.com/lxzan/gws v1.8.9
	github.com/sourcegraph/conc v0.3.0
	golang.org/x/sync v0.24.0
	gopkg.in/tomb.v2 v2.0.0-20161208151619-d5d1b5820637
)

require (
	github.com/dolthub/maphash v0.1.0 // indirect
	github.com/klauspost/compress v1.17.9 // indirect
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace (
	github.com/creche-go/creche => ../..
	github.com/creche-go/creche/adapters/chicreche => ../../adapters/chicreche
	github.com/creche-go/creche/adapters/echo5creche => ../../adapters/echo5creche
	github.com/creche-go/creche/adapters/echocreche => ../../adapters/echocreche
	github.com/creche-go/creche/websocket => ../../websocket
)
