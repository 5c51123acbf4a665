"""The identities that the scheduler's records are keyed by, so that one is not taken for another."""

from typing import NewType

LeaseUid = NewType("LeaseUid", str)
ExporterUid = NewType("ExporterUid", str)
ClientName = NewType("ClientName", str)
