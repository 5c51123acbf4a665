"""Why a client may not have an exporter: the rule and its sentences, for whoever asks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from jumplab.protocol.durations import format_duration
from jumplab_operator.leasing.model.policy_rules import Grant, TooLong, best_grant
from jumplab_operator.resources import ExporterAccessPolicy


@dataclass(frozen=True, slots=True)
class AccessRefusal:
    """Why there is no right: a condition's reason and its sentence, without advice."""

    reason: str
    message: str


def unknown_client(client: str) -> AccessRefusal:
    """There is no such client."""
    return AccessRefusal("NoAccess", f'client "{client}" does not exist')


def no_right(client: str, refused: Iterable[TooLong | None], wanted: str) -> AccessRefusal:
    """What the access policies answered for each exporter that is `wanted`: none of them a right."""
    maxima = [each.maximum_duration for each in refused if each is not None]
    if maxima:
        maximum = format_duration(max(maxima))
        return AccessRefusal("TooLong", f'the access policies permit client "{client}" at most {maximum}')
    return AccessRefusal("NoAccess", f'no access policy permits client "{client}" to lease {wanted}')


def right_to(
    policies: Sequence[ExporterAccessPolicy | None],
    client: str,
    client_labels: Mapping[str, str] | None,
    exporter: tuple[str, Mapping[str, str]],
    length: timedelta | None,
) -> Grant | AccessRefusal:
    """The client's right to an exporter, of this name and with these labels, for that length; or why it has none.

    client_labels: None where there is no such client.
    """
    if client_labels is None:
        return unknown_client(client)
    name, labels = exporter
    grant = best_grant(policies, labels, client_labels, length)
    return grant if isinstance(grant, Grant) else no_right(client, [grant], f'exporter "{name}"')
