package creche_test

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A floor says what the packages on it may import beside the standard library.
type floor struct {
	dir    string   // the package's, or with a final /… that and all below
	ours   []string // directories, in the same notation
	not    []string // of the standard library, forbidden
	theirs []string // modules of others that the whole module may use
}

// floors has the first match decide.
var floors = []floor{
	{dir: "nursery", not: []string{"net/http", "net/http/…"}},
	{dir: "nursery/…", ours: []string{"nursery"}},
	{dir: "errorhandlers/…", ours: []string{"nursery"}},
	{dir: ".", ours: []string{"nursery", "errorhandlers", "internal/…"}},
	{dir: "adapters/adaptertest", ours: append(core, "nursery/nurserytest")},
	{dir: "adapters/httpcreche", ours: append(core, "internal/…")},
	{dir: "adapters/chicreche", ours: core, theirs: []string{"github.com/go-chi/chi/v5"}},
	{dir: "adapters/echocreche", ours: core, theirs: []string{"github.com/labstack/echo/v4"}},
	{dir: "adapters/echo5creche", ours: core, theirs: []string{"github.com/labstack/echo/v5"}},
	{dir: "websocket/…", ours: append(core, "websocket/…"), theirs: []string{"github.com/coder/websocket"}},
	{dir: "examples/internal/exampletest", ours: append(core, "nursery/nurserytest")},
	{dir: "examples/…", ours: append(core, "adapters/…", "websocket", "examples/…"), theirs: []string{"…"}},
	{dir: "internal/…", ours: []string{"nursery", "errorhandlers", "internal/…"}},
}

var core = []string{".", "nursery", "errorhandlers"}

// inside tells whether dir is the directory that the pattern names or, if the
// pattern ends in …, below it.
func inside(dir, pattern string) bool {
	base, below := strings.CutSuffix(pattern, "…")
	base = strings.TrimSuffix(base, "/")
	return dir == base || below && (base == "" || strings.HasPrefix(dir, base+"/"))
}

func anyInside(dir string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return inside(dir, p) })
}

func floorOf(dir string) (floor, bool) {
	i := slices.IndexFunc(floors, func(f floor) bool { return inside(dir, f.dir) })
	if i < 0 {
		return floor{}, false
	}
	return floors[i], true
}

// ourDir returns the directory of a package of ours.
func ourDir(importPath string) (dir string, ours bool) {
	if importPath == rootPath {
		return ".", true
	}
	return strings.CutPrefix(importPath, rootPath+"/")
}

func title(dir string) string {
	if dir == "." {
		return "creche"
	}
	return dir
}

// checkImports keeps imports running down. Test code may go anywhere that the
// go command lets it, but for another module's internal packages.
func checkImports(t *tree) (faults []string) {
	for _, s := range t.sources {
		if s.module.private() {
			continue
		}
		dir := path.Dir(s.name)
		f, known := floorOf(dir)
		if !known {
			faults = append(faults, fmt.Sprintf("%s: package %s is on no floor: say in floors what it may import", s.name, dir))
			continue
		}
		for _, imported := range slices.Sorted(maps.Keys(s.imports())) {
			to, ours := ourDir(imported)
			switch {
			case ours && s.module.dir != "." && inside(to, "internal/…"):
				faults = append(faults, fmt.Sprintf("%s: %s belongs to another module", s.name, to))
			case s.isTest():
			case ours && to != dir && !anyInside(to, f.ours), anyInside(imported, f.not):
				faults = append(faults, fmt.Sprintf("%s: package %s may not import %s", s.name, title(dir), title(cmp.Or(to, imported))))
			}
		}
	}
	return faults
}

// checkDependencies keeps every user free of what only others need: test code
// too, for its requirements reach users as well.
func checkDependencies(t *tree) (faults []string) {
	for _, s := range t.sources {
		if s.module.private() {
			continue
		}
		f, _ := floorOf(s.module.dir)
		for _, imported := range slices.Sorted(maps.Keys(s.imports())) {
			if _, ours := ourDir(imported); ours || isStandard(imported) || inside(imported, "golang.org/x/sync/…") {
				continue
			}
			if !slices.ContainsFunc(f.theirs, func(m string) bool { return m == "…" || inside(imported, m+"/…") }) {
				faults = append(faults, fmt.Sprintf("%s: the module at %s may not import %s", s.name, s.module.dir, imported))
			}
		}
	}
	return faults
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// checkModules keeps each module usable without the others: by consumers, who
// see no replace and no go.work, and by us, who need both.
func checkModules(t *tree) (faults []string) {
	dirs := make(map[string]string) // path to directory
	for _, m := range t.modules {
		dirs[m.path] = m.dir
	}
	for _, m := range t.modules {
		for _, fault := range checkModule(m, dirs) {
			faults = append(faults, path.Join(m.dir, "go.mod")+fault)
		}
		used := slices.Contains(t.work, m.dir)
		if used && m.private() {
			faults = append(faults, "go.work uses ./"+m.dir)
		}
		if !used && !m.private() {
			faults = append(faults, "go.work does not use ./"+m.dir)
		}
	}
	return faults
}

func checkModule(m *module, dirs map[string]string) (faults []string) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if want := path.Join(rootPath, m.dir); m.path != want {
		fault(": module path %s, want %s", m.path, want)
	}
	for _, required := range slices.Sorted(maps.Keys(m.require)) {
		dir, ours := dirs[required]
		switch version := m.require[required]; {
		case !ours && m.dir == "." && required != "golang.org/x/sync":
			fault(" requires %s", required)
		case !ours:
		case strings.HasPrefix(version, "v0.0.0"):
			fault(": %s %s is no version: require the coming one", required, version)
		case m.replace[required] != relative(m.dir, dir):
			fault(": %s is not replaced by %s", required, relative(m.dir, dir))
		}
	}
	if m.private() {
		return faults
	}
	if _, ok := m.require[rootPath]; !ok && m.dir != "." {
		fault(" does not require %s", rootPath)
	}
	if m.goVersion != "1.26" {
		fault(": go %s, want 1.26", m.goVersion)
	}
	for _, word := range m.directives {
		fault(" has a %s directive", word)
	}
	return faults
}

func relative(from, to string) string {
	rel, err := filepath.Rel(from, to)
	if err != nil {
		return to
	}
	return filepath.ToSlash(rel)
}
