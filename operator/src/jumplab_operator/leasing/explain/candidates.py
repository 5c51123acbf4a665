"""Which exporters a request could have, free or not; and if none, why not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from jumplab_operator.leasing.explain.access_refusal import AccessRefusal, no_right, unknown_client
from jumplab_operator.leasing.model import policy_rules, selectors
from jumplab_operator.leasing.model.facts import ExporterFacts, Request
from jumplab_operator.resources import ExporterAccessPolicy


@dataclass(frozen=True, slots=True)
class Candidate:
    """An exporter that the request may have, and by what right."""

    exporter: ExporterFacts
    grant: policy_rules.Grant


@dataclass(frozen=True, slots=True)
class Unsatisfiable:
    """No exporter could serve the request as things are: the condition's reason and sentence."""

    reason: str
    message: str


def find_candidates(
    request: Request,
    exporters: Iterable[ExporterFacts],
    client_labels: Mapping[str, str] | None,
    policies: Sequence[ExporterAccessPolicy | None],
) -> list[Candidate] | Unsatisfiable:
    """Every exporter that matches, is enabled and permitted, best grant first; at least one, or Unsatisfiable.

    `client_labels` None: there is no such client.
    """
    if client_labels is None:
        return _advised(unknown_client(request.client), "create it, or correct clientRef")
    matching = match_exporters(request, exporters)
    if isinstance(matching, Unsatisfiable):
        return matching
    enabled = [exporter for exporter in matching if exporter.enabled or request.allow_disabled]
    if not enabled:
        return _all_disabled(request, matching)
    grants = [
        (exporter, policy_rules.best_grant(policies, exporter.labels, client_labels, request.duration))
        for exporter in enabled
    ]
    permitted = [Candidate(exporter, grant) for exporter, grant in grants if isinstance(grant, policy_rules.Grant)]
    if not permitted:
        refused = [grant for _, grant in grants if not isinstance(grant, policy_rules.Grant)]
        refusal = no_right(request.client, refused, wanted(request))
        too_long = refusal.reason == "TooLong"
        return _advised(refusal, "ask for a shorter duration" if too_long else "ask an administrator")
    return sorted(permitted, key=lambda candidate: (-candidate.grant.priority, candidate.exporter.name))


def match_exporters(request: Request, exporters: Iterable[ExporterFacts]) -> list[ExporterFacts] | Unsatisfiable:
    """The exporters that the request names or selects: at least one, or Unsatisfiable."""
    selector = request.selector
    if request.exporter is None:
        matching = [e for e in exporters if selector is None or selectors.matches(selector, e.labels)]
        return matching or Unsatisfiable("ExporterNotFound", f"there is no exporter that matches {wanted(request)}")
    pinned = [exporter for exporter in exporters if exporter.name == request.exporter]
    if not pinned:
        return Unsatisfiable("ExporterNotFound", f"there is no {wanted(request)}")
    if selector is not None and not selectors.matches(selector, pinned[0].labels):
        text = selectors.describe(selector)
        return Unsatisfiable("SelectorMismatch", f"{wanted(request)} does not match {text}; drop one of the two")
    return pinned


def wanted(request: Request) -> str:
    """What the request asks for, in words: `exporter "bench-3"` or `board=imx8`."""
    if request.exporter is not None:
        return f'exporter "{request.exporter}"'
    return selectors.describe(request.selector) if request.selector is not None else "any exporter"


def _all_disabled(request: Request, matching: Sequence[ExporterFacts]) -> Unsatisfiable:
    if request.exporter is not None:
        return Unsatisfiable("ExporterDisabled", f"{wanted(request)} is disabled; enable it, or set allowDisabled")
    names = ", ".join(sorted(exporter.name for exporter in matching)[:3])
    return Unsatisfiable("AllDisabled", f"every exporter that matches {wanted(request)} is disabled ({names})")


def _advised(refusal: AccessRefusal, advice: str) -> Unsatisfiable:
    return Unsatisfiable(refusal.reason, f"{refusal.message}; {advice}")
