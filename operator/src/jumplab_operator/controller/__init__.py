"""The gRPC services for exporters and clients: who they are, what they may ask, and what they are told.

It reads and changes the cluster through `lab.Lab` alone: it never imports kopf or a Kubernetes client, and it decides
nothing of leasing.
"""
