module github.com/creche-go/creche/adapters/chicreche

go 1.26

require (
	github.com/creche-go/creche v0.1.0
	github.com/go-chi/chi/v5 v5.5.0
)

replace github.com/creche-go/creche => ../..
