// Command release looks at creche as those do who download it: it writes down
// and compares what each module exports, proves that modules and README work
// in a program outside of the repository, and makes a release of both.
//
//	go run . api                      # api.txt beside each go.mod says what its module exports
//	go run . api -write               # write them
//	go run . consumers                # what is committed works for its users
//	go run . consumers -tests=all     # those of its tests that take long, too
//	go run . release -dry-run         # the release of the version that the modules require, in a copy
//	go run . release v0.2.0           # raise, commit and tag, after all of it was proven in a copy
//
// It is a module of its own so that golang.org/x/mod reaches no user of creche.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	// The clone may belong to another user: a container's, a server's.
	os.Setenv("GIT_CONFIG_COUNT", "1")
	os.Setenv("GIT_CONFIG_KEY_0", "safe.directory")
	os.Setenv("GIT_CONFIG_VALUE_0", "*")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("want a command: api, consumers or release")
	}
	flags := flag.NewFlagSet(args[0], flag.ExitOnError)
	write := flags.Bool("write", false, "api: write the files instead of comparing them")
	tests := flags.String("tests", "short", "consumers, release: which of the modules' tests run from the module cache: short, all or none")
	dry := flags.Bool("dry-run", false, "release: change nothing outside of a copy")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	root, err := gitRoot()
	if err != nil {
		return err
	}
	switch args[0] {
	case "api":
		return apiCommand(root, *write)
	case "consumers":
		return consumersCommand(root, *tests)
	case "release":
		r := releasing{root: root, version: flags.Arg(0), day: time.Now().Format(time.DateOnly), tests: *tests, dry: *dry}
		return r.run()
	}
	return fmt.Errorf("no command %q: want api, consumers or release", args[0])
}

// gitRoot returns the repository that the program is started in.
func gitRoot() (string, error) {
	out, err := git(".", "rev-parse", "--show-toplevel")
	return filepath.FromSlash(strings.TrimSpace(out)), err
}

func apiCommand(root string, write bool) error {
	modules, err := released(root)
	if err != nil {
		return err
	}
	var faults []error
	for _, m := range modules {
		if write {
			err = writeAPI(root, m)
		} else {
			err = compareAPI(root, m)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	return errors.Join(faults...)
}

func consumersCommand(root, tests string) error {
	rev, err := committed(root)
	if err != nil {
		return err
	}
	return inCopy(root, rev, func(copied string) error {
		version, err := coming(copied)
		if err != nil {
			return err
		}
		return prove(copied, version, func(module) string { return rev }, tests)
	})
}
