// A place holder that keeps these files out of the module around them. They are compiled in a module that module.sh
// writes at build time, with the requirements of the pinned Kubernetes version.
module github.com/restage-dev/restage/hack/localcluster/kubernetes

go 1.26.0
