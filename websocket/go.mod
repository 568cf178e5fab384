module github.com/creche-go/creche/websocket

go 1.26

require (
	github.com/coder/websocket v1.8.15
	github.com/creche-go/creche v0.1.0
)

replace github.com/creche-go/creche => ..
