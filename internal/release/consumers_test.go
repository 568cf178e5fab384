package main

import "testing"

// Each row breaks the house in a way that its users see, though nobody may who
// works in the repository.
func TestConsumers(t *testing.T) {
	tests := []struct{ name, file, old, replacement, want string }{
		{
			"a requirement that is missing", "annex/go.mod", "example.org/third v1.0.0", "",
			"example.org/house/annex does not require example.org/third@v1.0.0",
		},
		{
			"a requirement that nobody can get", "annex/go.mod", "example.org/third v1.0.0", "example.org/third v1.0.9",
			"example.org/third@v1.0.9",
		},
		{
			"a name that the required module does not have", "annex/annex.go", "house.Quote", "house.Price",
			"undefined: house.Price",
		},
		{
			"a test that needs a file outside of its module", "annex/annex_test.go", "annex.go", "../README.md",
			"--- FAIL: TestReads",
		},
		{
			"a program that does not compile", "README.md", "house.Quote", "house.Price",
			"undefined: house.Price",
		},
		{
			"a program that answers something else", "house.go", "12 at 450", "4 at 450",
			`got 200 OK "4 at 450", <nil>, want 200 "12 at 450\n"`,
		},
		{
			"a program that ends before it answers", "README.md", "<-ctx.Done()", "_ = ctx",
			"the program has ended before it answered",
		},
		{
			"a program that SIGTERM kills", "README.md", "syscall.SIGTERM", "syscall.SIGUSR1",
			"signal: terminated",
		},
		{
			"a README without the program", "README.md", "```go", "```",
			"the readme has no program that listens on 127.0.0.1:8080",
		},
		{
			"a tutorial that does not compile at its end", "examples/tutorial/step4/main.go", "house.Quote", "house.Price",
			"undefined: house.Price",
		},
		{
			"a tutorial whose tests fail", "examples/tutorial/step4/main_test.go", "nil", "http.NotFoundHandler()",
			"--- FAIL: TestTea",
		},
		{
			"a tutorial without an end", "examples/tutorial/step4/main.go", "8080", "8081",
			"the tutorial has no program that listens on 127.0.0.1:8080",
		},
	}
	alone(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := build(t, tt.file, tt.old, tt.replacement)
			says(t, consumersCommand(root, "short"), tt.want)
		})
	}
}

// What is not committed reaches nobody: a file that git does not know is not
// there, a change of one that it knows is.
func TestConsumersGetWhatGitHas(t *testing.T) {
	alone(t)
	root := build(t, "annex/annex.go", "house.Quote", "house.Price")
	write(t, root, map[string]string{"price.go": "package house\n\nvar Price = Quote\n"})
	says(t, consumersCommand(root, "short"), "undefined: house.Price")
	write(t, root, map[string]string{"house.go": house["house.go"] + "\nvar Price = Quote\n", "price.go": "package house\n"})
	says(t, consumersCommand(root, "short"), "")
}

// A server often has nothing but the last commit.
func TestConsumersOfAShallowClone(t *testing.T) {
	alone(t)
	root, clone := build(t, "", "", ""), t.TempDir()
	if _, err := git(root, "commit", "--quiet", "--allow-empty", "--message=Another"); err != nil {
		t.Fatal(err)
	}
	if _, err := git(root, "clone", "--quiet", "--depth=1", "file://"+root, clone); err != nil {
		t.Fatal(err)
	}
	says(t, consumersCommand(clone, "none"), "")
}
