module github.com/creche-go/creche/adapters/echo5creche

go 1.26

require (
	github.com/creche-go/creche v0.1.0
	github.com/labstack/echo/v5 v5.4.4
)

require golang.org/x/time v0.15.0 // indirect

replace github.com/creche-go/creche => ../..
