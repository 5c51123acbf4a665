"""The standalone API beside a real kube-apiserver with etcd: writes a second, watch latency, memory."""
