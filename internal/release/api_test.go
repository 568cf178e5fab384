package main

import (
	"slices"
	"strings"
	"testing"
)

const everyKind = `package house

import "io"

type Plain struct {
	Seen   map[string][]*Plain
	Both   chan func(name string) error
	hidden int
	io.Reader
}

func (p Plain) Value(a, b int) (sum int, err error) { return }
func (p *Plain) Pointer(rest ...string)               {}
func (p *Plain) unseen()                              {}

type Code int

func (Code) String() string { return "" }

type (
	Open interface {
		B(x int) <-chan int
		A()
	}
	Sealed interface {
		A()
		sealed()
	}
	Number         interface{ ~int | ~string }
	Of[T Number]   struct{ Item T }
	Same           = Of[int]
	Handler        func(w io.Writer, of [2]chan<- Code) Sealed
	unexported     struct{ Field int }
)

func (o *Of[E]) Get() E { return o.Item }

const (
	One Code = iota + 1
	two
)

var Default, other = &Plain{}, 1

func Make[T any, N Number](of Of[N], f func(item T) (n N)) Of[N] { return of }
`

const everyLine = `example.org/house: const One Code = 1
example.org/house: field Of.Item T
example.org/house: field Plain.Both chan func(string) error
example.org/house: field Plain.Reader io.Reader, embedded
example.org/house: field Plain.Seen map[string][]*Plain
example.org/house: func Make[T any, N Number](Of[N], func(T) N) Of[N]
example.org/house: method (*Of) Get() T
example.org/house: method (*Plain) Pointer(...string)
example.org/house: method (Code) String() string
example.org/house: method (Plain) Read([]byte) (int, error)
example.org/house: method (Plain) Value(int, int) (int, error)
example.org/house: method (Sealed) A()
example.org/house: type Code int
example.org/house: type Handler func(io.Writer, [2]chan<- Code) Sealed
example.org/house: type Number interface{~int | ~string}
example.org/house: type Of[T Number] struct
example.org/house: type Open interface{A(); B(int) <-chan int}
example.org/house: type Plain struct
example.org/house: type Same = Of[int]
example.org/house: type Sealed interface, sealed
example.org/house: var Default *Plain
`

func TestEveryExportedNameHasALine(t *testing.T) {
	alone(t)
	root := t.TempDir()
	write(t, root, map[string]string{
		"go.mod": house["go.mod"], "house.go": everyKind,
		"internal/x/x.go": "package x\n\nvar X int\n", "cmd/main.go": "package main\n\nvar X int\n\nfunc main() {}\n",
		"house_test.go": "package house\n\nvar Tested int\n", "annex/go.mod": "module example.org/house/annex\n",
		"annex/annex.go": "package annex\n\nvar X int\n",
	})
	lines, err := exported(root, module{dir: ".", path: "example.org/house"})
	if err != nil {
		t.Fatal(err)
	}
	gone, added := difference(linesOf(everyLine), lines)
	for _, line := range gone {
		t.Errorf("want %s", line)
	}
	for _, line := range added {
		t.Errorf("got %s", line)
	}
	if !slices.IsSorted(lines) {
		t.Errorf("not sorted: %s", text(lines))
	}
}

func TestTheFileIsComparedWithTheCode(t *testing.T) {
	tests := []struct{ name, file, want string }{
		{name: "the same", file: everyLine},
		{name: "a name that is gone", file: everyLine + "example.org/house: func Gone()\n", want: "\n- example.org/house: func Gone()"},
		{name: "a name that is new", file: strings.Replace(everyLine, "example.org/house: type Code int\n", "", 1), want: "\n+ example.org/house: type Code int"},
	}
	alone(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, map[string]string{"go.mod": house["go.mod"], "house.go": everyKind, apiFile: tt.file})
			says(t, compareAPI(root, module{dir: ".", path: "example.org/house"}), tt.want)
		})
	}
}
