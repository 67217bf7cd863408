module github.com/restage-dev/restage/hack/image

go 1.26.0
