module github.com/creche-go/creche/examples

go 1.26

require (
	github.com/creche-go/creche v0.1.0
	github.com/creche-go/creche/adapters/chicreche v0.1.0
	github.com/creche-go/creche/adapters/echo5creche v0.1.0
	github.com/creche-go/creche/adapters/echocreche v0.1.0
	github.com/creche-go/creche/websocket v0.1.0
	github.com/go-chi/chi/v5 v5.5.0
	github.com/julienschmidt/httprouter v1.3.0
	github.com/labstack/echo/v4 v4.16.0
	github.com/labstack/echo/v5 v5.4.4
)

require (
	github.com/coder/websocket v1.8.15
	github.com/sourcegraph/conc v0.3.0
	go.yaml.in/yaml/v3 v3.0.6
	golang.org/x/sync v0.22.0
)

require (
	github.com/labstack/gommon v0.5.0 // indirect
	github.com/mattn/go-colorable v0.1.15 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/valyala/bytebufferpool v1.0.0 // indirect
	github.com/valyala/fasttemplate v1.2.2 // indirect
	go.uber.org/atomic v1.7.0 // indirect
	go.uber.org/multierr v1.9.0 // indirect
	golang.org/x/crypto v0.54.0 // indirect
	golang.org/x/net v0.57.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.40.0 // indirect
	golang.org/x/time v0.15.0 // indirect
)

replace (
	github.com/creche-go/creche => ..
	github.com/creche-go/creche/adapters/chicreche => ../adapters/chicreche
	github.com/creche-go/creche/adapters/echo5creche => ../adapters/echo5creche
	github.com/creche-go/creche/adapters/echocreche => ../adapters/echocreche
	github.com/creche-go/creche/websocket => ../websocket
)
