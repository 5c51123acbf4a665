"""Typed views of the custom resources of group jumpstarter.dev, version v1alpha1, and their schemas.

Plain Kubernetes objects become models here, once, where they enter, and plain objects again where they leave. The
models say what the CRDs say: `crds/` is generated from them. No I/O and no decision is here.
"""

from jumplab_operator.resources.client import Client, ClientSpec, ClientStatus
from jumplab_operator.resources.errors import Unreadable
from jumplab_operator.resources.exporter import Device, Exporter, ExporterSpec, ExporterStatus, HistoryEntry, LeaseRef
from jumplab_operator.resources.lease import AssignedExporter, Holder, Lease, LeasedExporter, LeaseSpec, LeaseStatus
from jumplab_operator.resources.metadata import GROUP, VERSION, IssuedCredential, Metadata, ObjectRef, Resource
from jumplab_operator.resources.policy import ExporterAccessPolicy, Policy
from jumplab_operator.resources.selector import LabelSelector, Requirement

__all__ = [
    "GROUP",
    "VERSION",
    "AssignedExporter",
    "Client",
    "ClientSpec",
    "ClientStatus",
    "Device",
    "Exporter",
    "ExporterAccessPolicy",
    "ExporterSpec",
    "ExporterStatus",
    "HistoryEntry",
    "Holder",
    "IssuedCredential",
    "LabelSelector",
    "Lease",
    "LeaseRef",
    "LeaseSpec",
    "LeaseStatus",
    "LeasedExporter",
    "Metadata",
    "ObjectRef",
    "Policy",
    "Requirement",
    "Resource",
    "Unreadable",
]
