package main

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

const unreleasedHeading = "## [Unreleased]\n"

// unreleasedSection returns what the changelog says of the coming release.
func unreleasedSection(changelog string) (string, error) {
	_, section, ok := strings.Cut(changelog, unreleasedHeading)
	if !ok {
		return "", errors.New("CHANGELOG.md has no section [Unreleased]")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	if !strings.Contains(section, "\n- ") {
		return "", errors.New("CHANGELOG.md says nothing of this release under [Unreleased]")
	}
	return section, nil
}

// dated returns the changelog with the coming release's section made the
// release's, and an empty one above it.
func dated(changelog, version, day string) string {
	heading := "## [" + strings.TrimPrefix(version, "v") + "] - " + day + "\n"
	return strings.Replace(changelog, unreleasedHeading, unreleasedHeading+"\n"+heading, 1)
}

var (
	// The parts of a release's section that tell who has to change something.
	breaking = regexp.MustCompile(`(?ms)^### (?:Changed|Removed)\n(.*?)(?:^### |\z)`)
	// What stands in code, and the names in there with what they belong to.
	code    = regexp.MustCompile("`[^`]+`")
	written = regexp.MustCompile(`(?:\w+\.)*(\w+)`)
	// A line of an API file, up to its name: package, kind, owner and name.
	apiName = regexp.MustCompile(`: (?:const|var|func|type) (\w+)|: field (\w+)\.(\w+)|: method \(\*?(\w+)\) (\w+)`)
)

// unexplained returns the lines whose name the section does not give, in code,
// under Changed or Removed. A type's name speaks for its fields and methods.
func unexplained(gone []string, section string) (silent []string) {
	given := make(map[string]bool)
	for _, part := range breaking.FindAllStringSubmatch(section, -1) {
		for _, span := range code.FindAllString(part[1], -1) {
			for _, name := range written.FindAllStringSubmatch(span, -1) {
				given[name[1]] = true
			}
		}
	}
	for _, line := range gone {
		names := apiName.FindStringSubmatch(line)
		if !slices.ContainsFunc(names, func(name string) bool { return given[name] }) {
			silent = append(silent, line)
		}
	}
	return silent
}
