package adaptertest

import "testing"

// Cases, Against and Bubble let the tests run single cases against adapters
// that fail them.
func Cases() []check { return cases() }

func (c check) Name() string  { return c.name }
func (c check) Keeps() string { return c.keeps }
func (c check) Only() int     { return c.only }

func (c check) Against(t testing.TB, a Adapter, protocol int) { c.against(t, a, protocol) }

func Bubble(t *testing.T, f func(*testing.T)) (stuck any) {
	t.Helper()
	return bubble(t, f)
}
