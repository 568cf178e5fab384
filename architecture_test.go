package creche_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// The rules that keep the house in order, each a function from a tree to its
// faults. TestArchitecture holds the repository to them; TestArchitectureChecks
// shows that each can fail.
var rules = map[string]func(*tree) []string{
	"imports run down only":                   checkImports,
	"a module depends on its own router only": checkDependencies,
	"goroutines start in one place":           checkSpawns,
	"modules stand alone":                     checkModules,
	"searches of errors end":                  checkSearches,
	"exported names are documented":           checkDocs,
}

func TestArchitecture(t *testing.T) {
	tree, err := load(repository(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		t.Run(name, func(t *testing.T) {
			for _, fault := range rules[name](tree) {
				t.Error(fault)
			}
		})
	}
}

// house returns the smallest tree that breaks no rule.
func house() fstest.MapFS {
	files := map[string]string{
		"go.work":                       "go 1.26\n\nuse (\n\t.\n\t./adapters/chicreche\n\t./examples\n)\n",
		"go.mod":                        "module github.com/creche-go/creche\n\ngo 1.26\n\nrequire golang.org/x/sync v0.24.0\n",
		"creche.go":                     "// Package creche is here.\npackage creche\n\nimport _ \"github.com/creche-go/creche/errorhandlers\"\n",
		"nursery/nursery.go":            "// Package nursery is here.\npackage nursery\n\nfunc spawn(f func()) { go f() }\n",
		"nursery/nursery_test.go":       "package nursery_test\n\nfunc _() { go func() {}() }\n",
		"errorhandlers/rules.go":        "// Package errorhandlers is here.\npackage errorhandlers\n\nimport _ \"net/http\"\n",
		"adapters/chicreche/go.mod":     chiMod,
		"adapters/chicreche/chi.go":     "// Package chicreche is here.\npackage chicreche\n\nimport (\n\t_ \"github.com/creche-go/creche\"\n\t_ \"github.com/go-chi/chi/v5\"\n)\n",
		"adapters/httpcreche/http.go":   "// Package httpcreche is here.\npackage httpcreche\n",
		"examples/go.mod":               strings.ReplaceAll(strings.ReplaceAll(chiMod, "adapters/chicreche", "examples"), "../..", ".."),
		"examples/chat/main.go":         "// Command chat is here.\npackage main\n\nimport _ \"github.com/go-chi/chi/v5\"\n",
		"internal/tools/go.mod":         "module github.com/creche-go/creche/internal/tools\n\ngo 1.26.0\n\ntool example.org/lint\n",
		"examples/chat/testdata/bad.go": "not Go",
	}
	fsys := make(fstest.MapFS)
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const chiMod = `module github.com/creche-go/creche/adapters/chicreche

go 1.26

require (
	github.com/creche-go/creche v0.1.0 // the coming version
	github.com/go-chi/chi/v5 v5.5.0
)

replace github.com/creche-go/creche => ../..
`

func TestArchitectureChecksPassAGoodTree(t *testing.T) {
	tree, err := load(house())
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range rules {
		if got := check(tree); len(got) > 0 {
			t.Errorf("%s: got %q, want no fault", name, got)
		}
	}
}

// Each row puts one file into the good tree and names the fault it must give.
func TestArchitectureChecksFail(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{
			"nursery imports net/http", "nursery/x.go",
			"package nursery\n\nimport _ \"net/http\"\n",
			"nursery/x.go: package nursery may not import net/http",
		},
		{
			"nursery imports a package of ours", "nursery/x.go",
			"package nursery\n\nimport _ \"github.com/creche-go/creche/errorhandlers\"\n",
			"nursery/x.go: package nursery may not import errorhandlers",
		},
		{
			"error handlers import the floor above", "errorhandlers/x.go",
			"package errorhandlers\n\nimport _ \"github.com/creche-go/creche\"\n",
			"errorhandlers/x.go: package errorhandlers may not import creche",
		},
		{
			"an adapter imports another", "adapters/httpcreche/x.go",
			"package httpcreche\n\nimport _ \"github.com/creche-go/creche/adapters/chicreche\"\n",
			"adapters/httpcreche/x.go: package adapters/httpcreche may not import adapters/chicreche",
		},
		{
			"websocket imports an adapter", "websocket/x.go",
			"// Package websocket is here.\npackage websocket\n\nimport _ \"github.com/creche-go/creche/adapters/httpcreche\"\n",
			"websocket/x.go: package websocket may not import adapters/httpcreche",
		},
		{
			"production code imports a test kit", "x.go",
			"package creche\n\nimport _ \"github.com/creche-go/creche/nursery/nurserytest\"\n",
			"x.go: package creche may not import nursery/nurserytest",
		},
		{
			"a nested module imports the root's internal", "adapters/chicreche/x_test.go",
			"package chicreche_test\n\nimport _ \"github.com/creche-go/creche/internal/header\"\n",
			"adapters/chicreche/x_test.go: internal/header belongs to another module",
		},
		{
			"a package that no rule knows", "cache/x.go",
			"// Package cache is here.\npackage cache\n",
			"cache/x.go: package cache is on no floor",
		},
		{
			"the core imports a router", "x_test.go",
			"package creche_test\n\nimport _ \"github.com/go-chi/chi/v5\"\n",
			"x_test.go: the module at . may not import github.com/go-chi/chi/v5",
		},
		{
			"an adapter imports another's router", "adapters/chicreche/x.go",
			"package chicreche\n\nimport _ \"github.com/labstack/echo/v4\"\n",
			"adapters/chicreche/x.go: the module at adapters/chicreche may not import github.com/labstack/echo/v4",
		},
		{
			"the core requires a third party", "go.mod",
			"module github.com/creche-go/creche\n\ngo 1.26\n\nrequire (\n\tgolang.org/x/sync v0.24.0\n\texample.org/x v1.0.0\n)\n",
			"go.mod requires example.org/x",
		},
		{
			"a tool in the core", "go.mod",
			"module github.com/creche-go/creche\n\ngo 1.26\n\ntool honnef.co/go/tools/cmd/staticcheck\n",
			"go.mod has a tool directive",
		},
		{
			"a second go statement", "x.go",
			"package creche\n\nfunc f() { go f() }\n",
			"x.go:3: go statement",
		},
		{
			"no go statement at all", "nursery/nursery.go",
			"// Package nursery is here.\npackage nursery\n",
			"package nursery has 0 go statements, want 1",
		},
		{
			"the go statement moves out of nursery", "nursery/nursery.go",
			"// Package nursery is here.\npackage nursery\n\nfunc f() { go f(); go f() }\n",
			"package nursery has 2 go statements, want 1",
		},
		{
			"a wait group starts a goroutine", "x.go",
			"package creche\n\nimport \"sync\"\n\ntype s struct{ wg sync.WaitGroup }\n\nfunc (s *s) f() { s.wg.Go(s.f) }\n",
			"x.go:7: wg.Go starts a goroutine",
		},
		{
			"a local wait group starts a goroutine", "examples/chat/x.go",
			"package main\n\nimport . \"sync\"\n\nfunc f() {\n\tg := new(WaitGroup)\n\tg.Go(f)\n}\n",
			"examples/chat/x.go:7: g.Go starts a goroutine",
		},
		{
			"an error group", "examples/chat/x.go",
			"package main\n\nimport _ \"golang.org/x/sync/errgroup\"\n",
			"examples/chat/x.go: golang.org/x/sync/errgroup starts goroutines",
		},
		{
			"a callback on a timer", "x.go",
			"package creche\n\nimport clock \"time\"\n\nvar _ = clock.AfterFunc\n",
			"x.go:5: clock.AfterFunc",
		},
		{
			"a callback on a context", "errorhandlers/x.go",
			"package errorhandlers\n\nimport \"context\"\n\nfunc f(ctx context.Context) { context.AfterFunc(ctx, func() {}) }\n",
			"errorhandlers/x.go:5: context.AfterFunc",
		},
		{
			"a search without end", "adapters/chicreche/x.go",
			"package chicreche\n\nimport \"errors\"\n\nvar _ = errors.Is(nil, nil)\n",
			"adapters/chicreche/x.go:5: errors.Is follows a ring for ever",
		},
		{
			"a nested module forgets its replace", "adapters/chicreche/go.mod",
			strings.Replace(chiMod, "replace", "// replace", 1),
			"adapters/chicreche/go.mod: github.com/creche-go/creche is not replaced by ../..",
		},
		{
			"a replace leads elsewhere", "adapters/chicreche/go.mod",
			strings.Replace(chiMod, "../..", "..", 1),
			"adapters/chicreche/go.mod: github.com/creche-go/creche is not replaced by ../..",
		},
		{
			"a zero pseudo-version", "adapters/chicreche/go.mod",
			strings.Replace(chiMod, "v0.1.0", "v0.0.0-00010101000000-000000000000", 1),
			"adapters/chicreche/go.mod: github.com/creche-go/creche v0.0.0-00010101000000-000000000000 is no version",
		},
		{
			"a nested module without the core", "adapters/chicreche/go.mod",
			strings.Replace(chiMod, "github.com/creche-go/creche v0.1.0", "", 1),
			"adapters/chicreche/go.mod does not require github.com/creche-go/creche",
		},
		{
			"a path that is not the directory's", "adapters/chicreche/go.mod",
			strings.Replace(chiMod, "creche/adapters/chicreche", "creche/chicreche", 1),
			"adapters/chicreche/go.mod: module path github.com/creche-go/creche/chicreche, want github.com/creche-go/creche/adapters/chicreche",
		},
		{
			"a higher floor for Go", "adapters/chicreche/go.mod",
			strings.Replace(chiMod, "go 1.26", "go 1.27", 1),
			"adapters/chicreche/go.mod: go 1.27, want 1.26",
		},
		{
			"a module that go.work forgets", "go.work",
			"go 1.26\n\nuse .\nuse ./examples\n",
			"go.work does not use ./adapters/chicreche",
		},
		{
			"tools in go.work", "go.work",
			"go 1.26\n\nuse (\n\t.\n\t./adapters/chicreche\n\t./examples\n\t./internal/tools\n)\n",
			"go.work uses ./internal/tools",
		},
		{
			"a package without a comment", "internal/header/x.go",
			"package header\n",
			"internal/header has no package comment",
		},
		{
			"a function without a comment", "x.go",
			"package creche\n\nfunc Go() {}\n",
			"x.go:3: Go has no comment",
		},
		{
			"a method without a comment", "x.go",
			"package creche\n\n// T is.\ntype T[E any] struct{}\n\nfunc (t *T[E]) M() {}\n",
			"x.go:6: T.M has no comment",
		},
		{
			"a constant without a comment", "x.go",
			"package creche\n\nconst (\n\t// A is.\n\tA = 1\n\n\tB = 2\n)\n",
			"x.go:7: B has no comment",
		},
		{
			"a field without a comment", "x.go",
			"package creche\n\n// T is.\ntype T struct {\n\t// A and B are.\n\tA int\n\tB int\n\n\tC int\n}\n",
			"x.go:9: T.C has no comment",
		},
		{
			"an interface's method without a comment", "x.go",
			"package creche\n\n// I is.\ntype I interface{ M() }\n",
			"x.go:4: I.M has no comment",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fsys := house()
			fsys[tt.file] = &fstest.MapFile{Data: []byte(tt.text)}
			tree, err := load(fsys)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, check := range rules {
				got = append(got, check(tree)...)
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
				t.Errorf("got %q, want one fault: %q", got, tt.want)
			}
		})
	}
}
