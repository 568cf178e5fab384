// Package recipes has the code that the pages in docs show, so that it
// compiles and is tested.
package recipes
