package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// committed returns the commit to look at: HEAD, or where tracked files have
// been changed since, one that holds the changes and that nothing refers to. A
// file that nobody told git about is in neither, as it will be for the users.
func committed(root string) (string, error) {
	rev, err := git(root, "stash", "create")
	if err == nil && strings.TrimSpace(rev) == "" {
		rev, err = git(root, "rev-parse", "HEAD")
	}
	return strings.TrimSpace(rev), err
}

// inCopy calls f with a copy of the repository that is gone afterwards.
func inCopy(root, rev string, f func(copied string) error) error {
	temp, err := os.MkdirTemp("", "creche-copy-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	copied := filepath.Join(temp, "repository")
	if err := copyOf(root, rev, copied); err != nil {
		return err
	}
	return f(copied)
}

// copyOf makes a repository in dir that borrows the objects of the one at root
// and has rev checked out. Unlike a clone it works for commits without a name,
// unlike a worktree it can get tags that the other one does not.
func copyOf(root, rev, dir string) error {
	if _, err := git(root, "init", "--quiet", dir); err != nil {
		return err
	}
	out, err := git(root, "rev-parse", "--path-format=absolute", "--git-path", "objects", "--git-path", "shallow")
	if err != nil {
		return err
	}
	objects, shallow, _ := strings.Cut(strings.TrimSpace(out), "\n")
	if err := os.WriteFile(filepath.Join(dir, ".git/objects/info/alternates"), []byte(objects+"\n"), 0o644); err != nil {
		return err
	}
	switch edge, err := os.ReadFile(shallow); {
	case err == nil:
		if err := os.WriteFile(filepath.Join(dir, ".git/shallow"), edge, 0o644); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := copyTags(root, dir); err != nil {
		return err
	}
	_, err = git(dir, "checkout", "--quiet", "--detach", rev)
	return err
}

// copyTags names the same objects as in root. To fetch them would be refused
// where the repository belongs to another user.
func copyTags(root, dir string) error {
	tags, err := git(root, "for-each-ref", "--format=%(refname) %(objectname)", "refs/tags")
	if err != nil {
		return err
	}
	for tag := range strings.Lines(tags) {
		if _, err := git(dir, append([]string{"update-ref"}, strings.Fields(tag)...)...); err != nil {
			return err
		}
	}
	return nil
}
