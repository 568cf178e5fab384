package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A house is a repository in small: a root module with a README, and a nested
// one that needs the root and a third party.
var house = map[string]string{
	"go.work":      "go 1.26\n\nuse (\n\t.\n\t./annex\n\t./examples\n)\n",
	"go.mod":       "module example.org/house\n\ngo 1.26\n",
	"house.go":     "package house\n\nimport (\n\t\"io\"\n\t\"net/http\"\n)\n\nfunc Quote(w http.ResponseWriter, r *http.Request) { io.WriteString(w, \"12 at 450\\n\") }\n",
	"annex/go.mod": "module example.org/house/annex\n\ngo 1.26\n\nrequire (\n\texample.org/house v0.1.0\n\texample.org/third v1.0.0\n)\n\nreplace example.org/house => ..\n",
	"annex/go.sum": "example.org/third v1.0.0 h1:i5vmbAn93Gs6JVMlcKGnP0zVxG3L7/U5cHtGw02UKZY=\nexample.org/third v1.0.0/go.mod h1:mk+OMsTc7v9dI1kw6OQBlyjXKpo0xusWt2oiUpIBEHo=\n",
	"annex/annex.go": "package annex\n\nimport (\n\t\"example.org/house\"\n\t\"example.org/third\"\n)\n\n" +
		"var Quote, N = house.Quote, third.N\n",
	"annex/annex_test.go": "package annex_test\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\n" +
		"func TestReads(t *testing.T) {\n\tif _, err := os.ReadFile(\"annex.go\"); err != nil {\n\t\tt.Error(err)\n\t}\n}\n",
	"examples/go.mod":       "module example.org/house/examples\n\ngo 1.26\n\nrequire example.org/house v0.1.0\n\nreplace example.org/house => ..\n",
	"internal/tools/go.mod": "module example.org/house/internal/tools\n\ngo 1.26\n\nrequire example.org/house v0.1.0 // here too\n\nreplace example.org/house => ../..\n",
	"CHANGELOG.md":          "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- `Quote`.\n",
	"examples/tutorial/step4/main.go": strings.Replace(houseProgram, `"/quote", house.Quote`,
		`"/quote/tea", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("12 at 450 cents\n")); _ = house.Quote }`, 1),
	"examples/tutorial/step4/main_test.go": "package main\n\nimport (\n\t\"net/http\"\n\t\"testing\"\n)\n\n" +
		"func TestTea(t *testing.T) {\n\tif h := http.Handler(nil); h != nil {\n\t\tt.Error(h)\n\t}\n}\n",
	"README.md": "# House\n\n```sh\nmake\n```\n\n```go\n" + houseProgram + "```\n\nThat is all.\n",
}

const houseProgram = `package main

import (
	"context"
	"log"
	"net/http"
	"os/signal"
	"syscall"

	"example.org/house"
)

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	http.HandleFunc("/quote", house.Quote)
	go func() { log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil)) }()
	<-ctx.Done()
}
`

// build makes a repository of the house with one text replaced everywhere in
// one file, commits it and returns its directory.
func build(t *testing.T, file, old, replacement string) string {
	t.Helper()
	root := t.TempDir()
	files := make(map[string]string)
	for name, text := range house {
		files[name] = text
		if name == file {
			if files[name] = strings.ReplaceAll(text, old, replacement); files[name] == text {
				t.Fatalf("%s does not have %q", file, old)
			}
		}
	}
	write(t, root, files)
	modules, err := released(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range modules {
		writeAPI(root, m) // may fail where the code is broken on purpose
	}
	commit(t, root)
	return root
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t *testing.T, root string) {
	t.Helper()
	for _, args := range [][]string{{"init", "--quiet", "--initial-branch=main"}, {"add", "--all"}, {"commit", "--quiet", "--message=All of it"}} {
		if _, err := git(root, args...); err != nil {
			t.Fatal(err)
		}
	}
}

// alone has git and the go command use no configuration but the test's, and
// get what they need of others from a proxy that has one module.
func alone(t *testing.T) {
	t.Helper()
	temp := t.TempDir()
	for _, v := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+v+"_NAME", "somebody")
		t.Setenv("GIT_"+v+"_EMAIL", "somebody@example.org")
	}
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
		"GOENV": "off", "GOWORK": "", "GOFLAGS": "-modcacherw", "GOSUMDB": "off", "GOPRIVATE": "", "GONOPROXY": "",
		"GOPROXY": proxy(temp).url(), "GOMODCACHE": filepath.Join(temp, "modules"),
	} {
		t.Setenv(name, value)
	}
	third := filepath.Join(temp, "third")
	write(t, third, map[string]string{"go.mod": "module example.org/third\n\ngo 1.26\n", "third.go": "package third\n\nconst N = 3\n"})
	commit(t, third)
	if err := proxy(temp).publish(third, module{dir: ".", path: "example.org/third"}, "v1.0.0", "HEAD"); err != nil {
		t.Fatal(err)
	}
	if _, err := command(temp, nil, "go", "mod", "download", "example.org/third@v1.0.0"); err != nil {
		t.Fatal(err)
	}
}

// says tells whether err is nil, if want is "", or has want in its text.
func says(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("got %v, want no error", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want an error with %q", err, want)
	}
}
