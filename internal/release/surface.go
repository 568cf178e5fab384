package main

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

const rootPath = "github.com/creche-go/creche"

// A surface is a package as its importers see it.
type surface struct{ pkg *types.Package }

// lines returns a line for each exported name.
func (s surface) lines() (lines []string) {
	scope := s.pkg.Scope()
	for _, name := range scope.Names() {
		if obj := scope.Lookup(name); obj.Exported() {
			lines = append(lines, s.object(obj)...)
		}
	}
	for i, line := range lines {
		lines[i] = short(s.pkg) + ": " + line
	}
	return lines
}

func (s surface) object(obj types.Object) []string {
	name := obj.Name()
	switch obj := obj.(type) {
	case *types.Const:
		return []string{fmt.Sprintf("const %s %s = %s", name, s.typ(obj.Type()), obj.Val().ExactString())}
	case *types.Var:
		return []string{"var " + name + " " + s.typ(obj.Type())}
	case *types.Func:
		sig := obj.Signature()
		return []string{"func " + name + s.parameters(sig.TypeParams()) + s.signature(sig)}
	case *types.TypeName:
		return s.typeName(obj)
	}
	return []string{"unknown " + name}
}

func (s surface) typeName(obj *types.TypeName) []string {
	if alias, ok := obj.Type().(*types.Alias); ok {
		return []string{"type " + obj.Name() + s.parameters(alias.TypeParams()) + " = " + s.typ(alias.Rhs())}
	}
	named := obj.Type().(*types.Named)
	head := "type " + obj.Name() + s.parameters(named.TypeParams()) + " "
	switch under := named.Underlying().(type) {
	case *types.Struct:
		return slices.Concat([]string{head + "struct"}, s.fields(obj.Name(), under), s.methods(named))
	case *types.Interface:
		return s.iface(obj.Name(), head, under)
	default:
		return append([]string{head + s.typ(under)}, s.methods(named)...)
	}
}

func (s surface) fields(owner string, st *types.Struct) (lines []string) {
	for f := range st.Fields() {
		if f.Exported() {
			embedded := ""
			if f.Embedded() {
				embedded = ", embedded"
			}
			lines = append(lines, fmt.Sprintf("field %s.%s %s%s", owner, f.Name(), s.typ(f.Type()), embedded))
		}
	}
	return lines
}

// methods returns the exported methods of a type and of pointers to it, also
// those it has from what it embeds.
func (s surface) methods(named *types.Named) (lines []string) {
	self := itself(named)
	values := types.NewMethodSet(self)
	for m := range types.NewMethodSet(types.NewPointer(self)).Methods() {
		fn := m.Obj()
		if !fn.Exported() {
			continue
		}
		pointer := "*"
		if values.Lookup(fn.Pkg(), fn.Name()) != nil {
			pointer = ""
		}
		lines = append(lines, fmt.Sprintf("method (%s%s) %s%s", pointer, named.Obj().Name(), fn.Name(), s.signature(m.Type().(*types.Signature))))
	}
	return lines
}

// itself returns a generic type with its own parameters as arguments: each of
// its methods may call them otherwise.
func itself(named *types.Named) types.Type {
	var args []types.Type
	for p := range named.TypeParams().TypeParams() {
		args = append(args, p)
	}
	if len(args) == 0 {
		return named
	}
	self, err := types.Instantiate(nil, named, args, false)
	if err != nil {
		return named
	}
	return self
}

// iface returns one line for an interface that others can implement, for a
// further method breaks them; of one that they cannot, each method has its own.
func (s surface) iface(name, head string, under *types.Interface) []string {
	var methods []string
	sealed := false
	for m := range under.Methods() {
		if m.Exported() {
			methods = append(methods, m.Name()+s.signature(m.Signature()))
		} else {
			sealed = true
		}
	}
	switch {
	case !sealed && under.IsMethodSet():
		return []string{head + "interface{" + strings.Join(methods, "; ") + "}"}
	case !sealed:
		return []string{head + s.typ(under)}
	}
	lines := []string{head + "interface, sealed"}
	for _, m := range methods {
		lines = append(lines, fmt.Sprintf("method (%s) %s", name, m))
	}
	return lines
}

// signature writes a function's parameters and results, without their names.
func (s surface) signature(sig *types.Signature) string {
	params := s.tuple(sig.Params())
	if sig.Variadic() {
		last := len(params) - 1
		params[last] = "..." + strings.TrimPrefix(params[last], "[]")
	}
	written := "(" + strings.Join(params, ", ") + ")"
	switch results := s.tuple(sig.Results()); len(results) {
	case 0:
		return written
	case 1:
		return written + " " + results[0]
	default:
		return written + " (" + strings.Join(results, ", ") + ")"
	}
}

func (s surface) tuple(vars *types.Tuple) (list []string) {
	for v := range vars.Variables() {
		list = append(list, s.typ(v.Type()))
	}
	return list
}

func (s surface) parameters(params *types.TypeParamList) string {
	if params.Len() == 0 {
		return ""
	}
	var list []string
	for p := range params.TypeParams() {
		list = append(list, p.Obj().Name()+" "+s.typ(p.Constraint()))
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// typ writes a type. Types that can hold a function's are taken apart, for
// their parameters may have names.
func (s surface) typ(t types.Type) string {
	switch t := t.(type) {
	case *types.Signature:
		return "func" + s.signature(t)
	case *types.Pointer:
		return "*" + s.typ(t.Elem())
	case *types.Slice:
		return "[]" + s.typ(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), s.typ(t.Elem()))
	case *types.Map:
		return "map[" + s.typ(t.Key()) + "]" + s.typ(t.Elem())
	case *types.Chan:
		direction := map[types.ChanDir]string{types.SendRecv: "chan ", types.SendOnly: "chan<- ", types.RecvOnly: "<-chan "}
		return direction[t.Dir()] + s.typ(t.Elem())
	}
	return types.TypeString(t, func(p *types.Package) string {
		if p == s.pkg {
			return ""
		}
		return short(p)
	})
}

// short returns what a package is called in the lines: its path, without what
// all of ours have in common.
func short(p *types.Package) string {
	if rest, ok := strings.CutPrefix(p.Path(), rootPath+"/"); ok {
		return rest
	}
	if p.Path() == rootPath {
		return p.Name()
	}
	return p.Path()
}
