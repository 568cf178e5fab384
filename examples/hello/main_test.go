package main

import (
	"io"
	"net/http"
	"testing"

	"github.com/creche-go/creche"
	"github.com/creche-go/creche/adapters/httpcreche"
	"github.com/creche-go/creche/nursery/nurserytest"
)

func TestAQuoteHasWhatBothLookUpsFound(t *testing.T) {
	app, mux := creche.New(creche.Options{}), http.NewServeMux()
	mux.Handle("GET /quote", creche.Handler(quote))
	srv := nurserytest.NewServer(t, httpcreche.Wrap(mux, app))

	res, err := srv.Client().Get(srv.URL + "/quote")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if got, want := string(body), "12 at 450\n"; err != nil || res.StatusCode != http.StatusOK || got != want {
		t.Errorf("got %v %q, %v, want 200 %q", res.StatusCode, got, err, want)
	}
}
