package creche_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
)

// afterFuncs are the files that may hand a callback to AfterFunc: those whose
// callbacks run code of ours alone, and never wait.
var afterFuncs = []string{
	"nursery/drain.go",                // the end of a drain's grace cancels
	"nursery/nurserytest/explore.go",  // names a seed that hangs
	"nursery/nurserytest/explorer.go", // cancels and drains at random
	"nursery/parent.go",               // the parent's end cancels
	"nursery/start.go",                // the end of the starter's context cancels
	"nursery/timescope.go",            // the deadline and the parent's end cancel
	"websocket/serve.go",              // the end of a connection starts the task that closes it
}

// checkSpawns keeps the promise that every goroutine starts in one place.
func checkSpawns(t *tree) (faults []string) {
	inNursery := 0
	groups := waitGroups(t)
	for _, s := range t.sources {
		if s.isTest() || s.module.private() {
			continue
		}
		imports := s.imports()
		if _, ok := imports["golang.org/x/sync/errgroup"]; ok {
			faults = append(faults, s.name+": golang.org/x/sync/errgroup starts goroutines")
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				if path.Dir(s.name) == "nursery" {
					inNursery++
				} else {
					faults = append(faults, t.at(n)+": go statement: start a task of a nursery")
				}
			case *ast.SelectorExpr:
				faults = append(faults, t.checkSelector(s, imports, groups[s.pkg], n)...)
			}
			return true
		})
	}
	if inNursery != 1 {
		faults = append(faults, fmt.Sprintf("package nursery has %d go statements, want 1", inNursery))
	}
	return faults
}

func (t *tree) checkSelector(s *source, imports map[string]string, groups map[string]bool, sel *ast.SelectorExpr) []string {
	switch on := lastName(sel.X); {
	case sel.Sel.Name == "Go" && groups[on]:
		return []string{fmt.Sprintf("%s: %s.Go starts a goroutine", t.at(sel), on)}
	case sel.Sel.Name != "AfterFunc" || slices.Contains(afterFuncs, s.name):
	case on == imports["time"] || on == imports["context"]:
		return []string{fmt.Sprintf("%s: %s.AfterFunc: see afterFuncs", t.at(sel), on)}
	}
	return nil
}

// lookers are the packages that look into what users' errors wrap.
var lookers = []string{".", "nursery", "errorhandlers", "adapters/httpcreche", "adapters/chicreche", "adapters/echocreche", "adapters/echo5creche", "websocket"}

// checkSearches keeps the promise that an error which holds itself hangs
// nothing: package errors would follow it for ever.
func checkSearches(t *tree) (faults []string) {
	for _, s := range t.sources {
		if s.isTest() || !slices.Contains(lookers, path.Dir(s.name)) {
			continue
		}
		errors, imported := s.imports()["errors"]
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if ok && imported && lastName(sel.X) == errors && slices.Contains([]string{"Is", "As", "AsType"}, sel.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: errors.%s follows a ring for ever: see nursery.Is", t.at(sel), sel.Sel.Name))
			}
			return true
		})
	}
	return faults
}

// waitGroups returns, by package, the names of all that is declared there as a
// sync.WaitGroup. Their method Go starts a goroutine. Without type checking a
// name stands for all variables of that name, which is near enough.
func waitGroups(t *tree) map[string]map[string]bool {
	groups := make(map[string]map[string]bool)
	for _, s := range t.sources {
		if groups[s.pkg] == nil {
			groups[s.pkg] = make(map[string]bool)
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			for _, name := range declaredWaitGroups(n) {
				groups[s.pkg][name.Name] = true
			}
			return true
		})
	}
	return groups
}

func declaredWaitGroups(n ast.Node) []*ast.Ident {
	switch n := n.(type) {
	case *ast.Field: // of a struct, or a parameter
		if isWaitGroup(n.Type) {
			if len(n.Names) == 0 {
				return []*ast.Ident{ast.NewIdent("WaitGroup")}
			}
			return n.Names
		}
	case *ast.ValueSpec:
		if n.Type != nil && isWaitGroup(n.Type) || slices.ContainsFunc(n.Values, isWaitGroup) {
			return n.Names
		}
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE && slices.ContainsFunc(n.Rhs, isWaitGroup) {
			var names []*ast.Ident
			for _, l := range n.Lhs {
				names = append(names, ast.NewIdent(lastName(l)))
			}
			return names
		}
	}
	return nil
}

// isWaitGroup tells whether e is the type sync.WaitGroup, a pointer to it, or
// one made on the spot.
func isWaitGroup(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.StarExpr:
		return isWaitGroup(e.X)
	case *ast.UnaryExpr:
		return isWaitGroup(e.X)
	case *ast.CompositeLit:
		return e.Type != nil && isWaitGroup(e.Type)
	case *ast.CallExpr:
		return lastName(e.Fun) == "new" && len(e.Args) == 1 && isWaitGroup(e.Args[0])
	}
	return lastName(e) == "WaitGroup"
}

// lastName returns the last identifier of a chain of selectors: c in a.b.c.
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// checkDocs wants a comment on every package and on every exported name, as
// pkg.go.dev shows them. Commands export nothing.
func checkDocs(t *tree) (faults []string) {
	packages := make(map[string]bool) // directory: documented
	for _, s := range t.sources {
		if s.isTest() || s.module.private() {
			continue
		}
		dir := path.Dir(s.name)
		packages[dir] = packages[dir] || s.syntax.Doc != nil
		if s.syntax.Name.Name == "main" {
			continue
		}
		for _, decl := range s.syntax.Decls {
			for _, bare := range undocumented(t.fset, decl) {
				faults = append(faults, fmt.Sprintf("%s: %s has no comment", t.at(bare.at), bare.name))
			}
		}
	}
	for dir, documented := range packages {
		if !documented {
			faults = append(faults, dir+" has no package comment")
		}
	}
	slices.Sort(faults)
	return faults
}

type named struct {
	name string
	at   ast.Node
}

func undocumented(fset *token.FileSet, decl ast.Decl) (bare []named) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		name, exported := d.Name.Name, d.Name.IsExported()
		if d.Recv != nil {
			recv := receiver(d.Recv.List[0].Type)
			name, exported = recv+"."+name, exported && ast.IsExported(recv)
		}
		if exported && d.Doc == nil {
			bare = append(bare, named{name, d.Name})
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			alone := !d.Lparen.IsValid()
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				bare = append(bare, undocumentedType(fset, spec, spec.Doc != nil || alone && d.Doc != nil)...)
			case *ast.ValueSpec:
				// A comment on the whole group speaks for a list of values of one kind.
				if spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
					bare = append(bare, exportedOf("", spec.Names)...)
				}
			}
		}
	}
	return bare
}

func undocumentedType(fset *token.FileSet, spec *ast.TypeSpec, documented bool) (bare []named) {
	if !spec.Name.IsExported() {
		return nil
	}
	if !documented {
		bare = append(bare, named{spec.Name.Name, spec.Name})
	}
	switch typ := spec.Type.(type) {
	case *ast.StructType:
		bare = append(bare, undocumentedFields(fset, spec.Name.Name, typ.Fields)...)
	case *ast.InterfaceType:
		bare = append(bare, undocumentedFields(fset, spec.Name.Name, typ.Methods)...)
	}
	return bare
}

// undocumentedFields lets one comment speak for the lines that follow it
// without a blank one. Embedded fields speak for themselves.
func undocumentedFields(fset *token.FileSet, owner string, fields *ast.FieldList) (bare []named) {
	spokenFor := -1 // last line of the run that begins with a comment
	for _, f := range fields.List {
		first, last := fset.Position(f.Pos()).Line, fset.Position(f.End()).Line
		if f.Doc != nil || f.Comment != nil || first == spokenFor+1 {
			spokenFor = last
			continue
		}
		bare = append(bare, exportedOf(owner+".", f.Names)...)
	}
	return bare
}

func exportedOf(prefix string, names []*ast.Ident) (exported []named) {
	for _, n := range names {
		if n.IsExported() {
			exported = append(exported, named{prefix + n.Name, n})
		}
	}
	return exported
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	}
	return strings.TrimSpace(lastName(e))
}
