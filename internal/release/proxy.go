package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	modpath "golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// A proxy is a directory that the go command can download modules from.
type proxy string

// url is how GOPROXY names it.
func (p proxy) url() string { return "file://" + filepath.ToSlash(string(p)) }

// publish puts m into the proxy as version, made of the files that git has of
// it in rev, with the code that the public proxy uses.
func (p proxy) publish(repository string, m module, version, rev string) error {
	escaped, err := modpath.EscapePath(m.path)
	if err != nil {
		return err
	}
	dir := filepath.Join(string(p), filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"list": []byte(version + "\n"), version + ".info": info} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	if err := saveBlob(repository, rev+":./"+m.dir+"/go.mod", filepath.Join(dir, version+".mod")); err != nil {
		return err
	}
	return saveZip(filepath.Join(dir, version+".zip"), repository, m, version, rev)
}

func saveBlob(repository, object, name string) error {
	text, err := git(repository, "show", object)
	if err != nil {
		return err
	}
	return os.WriteFile(name, []byte(text), 0o644)
}

func saveZip(name, repository string, m module, version, rev string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	defer file.Close()
	subdir := strings.TrimPrefix(m.dir, ".")
	if err := zip.CreateFromVCS(file, modpath.Version{Path: m.path, Version: version}, repository, rev, subdir); err != nil {
		return err
	}
	return file.Close()
}

// thirdParties returns a proxy with what the modules of others need: the go
// command's own downloads, which it completes where it can. It is a file proxy
// and so never answers with a release of ours.
func thirdParties(repository string, modules []module) (proxy, error) {
	for _, m := range modules {
		dir, env := filepath.Join(repository, m.dir), append(os.Environ(), "GOWORK=off")
		if _, err := command(dir, env, "go", "mod", "download"); err != nil {
			return "", err
		}
	}
	cache, err := command(repository, nil, "go", "env", "GOMODCACHE")
	return proxy(filepath.Join(strings.TrimSpace(cache), "cache", "download")), err
}
