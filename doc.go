// Package creche gives every request, every connection and the application
// itself a nursery: a scope that owns its goroutines, joins them, cancels them
// together, loses none of their errors and survives their panics.
//
// An [App] holds what a server has in common: the error rules, the background
// nursery and the life of the server.
//
//	app := creche.New(creche.Options{})
//	mux := http.NewServeMux()
//	mux.Handle("GET /quote/{sku}", creche.Handler(quote))
//	err := app.ListenAndServe(ctx, ":8080", httpcreche.Wrap(mux, app))
//
// Inside a handler r.Context() is the request's nursery. Tasks started in it,
//
//	nursery.From(r.Context()).Go(bookStock)
//
// are joined before the response leaves, and a failure of any of them, or of
// the handler, is answered by the error rules; the response that the handler
// wrote is held back until then. Work that is to outlive the request goes to
// the background nursery with [Go], and what lives as long as the application
// is a [Service] of it.
//
// Adapters for routers are small packages on top of [App.Through]:
// adapters/httpcreche for net/http, adapters/chicreche for chi, and
// adapters/echocreche and adapters/echo5creche for echo.
//
// Read [New], [Handler], [Go] and [App.ListenAndServe] first, then package
// errorhandlers for the rules.
package creche
