module github.com/creche-go/creche

go 1.26
