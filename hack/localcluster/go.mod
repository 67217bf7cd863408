module github.com/restage-dev/restage/hack/localcluster

go 1.26.0

require golang.org/x/sys v0.47.0
