"""The gRPC services for exporters and clients: authentication, access, and answers.

It reads and changes the cluster through `lab.Lab` alone: it never imports kopf or a Kubernetes client, and it decides
nothing of leasing.
"""
