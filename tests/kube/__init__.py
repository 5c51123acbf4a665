"""Kubernetes API servers for tests: a real kube-apiserver with etcd, and the standalone one in a process of its own."""
