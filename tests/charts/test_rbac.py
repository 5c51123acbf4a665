"""The chart's rules are enough, and each is needed: without it the operator is refused, by name, what it then can't do.

The proof is the life of one lease under a role of the chart that lacks one verb on one resource.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from jumplab_operator.authority import Step
from jumplab_operator.clock import SystemClock
from jumplab_operator.control_plane import Installation, Listening, in_cluster
from jumplab_operator.errors import ApiError, ApiRefused
from jumplab_operator.kept_keys import SecretAuthority, keys_in_secret
from jumplab_operator.kube.access import KubeAccess
from jumplab_operator.kube.client import connected
from jumplab_operator.kube.kopf_watch import of_cluster
from jumplab_operator.leadership.election import PodIdentity, Process, leading
from jumplab_operator.names import Name
from jumplab_operator.reconcile.composition.compose import lab_over
from jumplab_operator.reconcile.composition.lab_service import LabService
from tests.charts.cluster import RBAC, Cluster
from tests.charts.matrix import JUMPLAB, Plain, one, rendered
from tests.charts.refusals import BOUND_SECONDS, Refusals, contended
from tests.reconcile.world import SimulatedExporter, Tokens, World, condition, serving

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource."""

    group: str
    resource: str
    verb: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"

    @property
    def refusal(self) -> str:
        """How the API server says that it is missing."""
        return f'cannot {self.verb} resource "{self.resource}" in API group "{self.group}"'


def rights(rules: list[Plain]) -> list[Right]:
    """Each rule taken apart."""
    return [
        Right(group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


LAB_RULES = one(rendered(JUMPLAB, {}), "ClusterRole")["rules"]
KEYS_RULES = one(rendered(JUMPLAB, {"namespaces": ["lab"]}), "Role", "jumplab-keys")["rules"]
LEAD_RULES = one(rendered(JUMPLAB, {}), "Role", "jumplab-lead")["rules"]
PROCESS = Process(on_standby=lambda: None, stop=lambda: None)


@pytest.fixture(scope="module")
def defined(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with the definitions."""
    with cluster.helm(cluster.namespace("rights")) as releases:
        releases.install(JUMPLAB, "jumplab", {"crds": {"keep": False}})
        cluster.until_served("clients", "exporters", "leases", "exporteraccesspolicies")
        yield cluster
        releases.uninstall("jumplab")


def account(cluster: Cluster, allowed: list[Right], names: tuple[str, ...] = ()) -> tuple[str, str]:
    """A namespace and the token of a service account that may do there what is allowed, and nothing else."""
    namespace = cluster.namespace(f"rights-{next(_numbers)}")
    rules = [{"apiGroups": [it.group], "resources": [it.resource], "verbs": [it.verb]} for it in allowed]
    role = {"kind": "Role", "metadata": {"name": "some"}, "rules": rules}
    binding = {
        "kind": "RoleBinding",
        "metadata": {"name": "some"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "some"},
        "subjects": [{"kind": "ServiceAccount", "name": "operator", "namespace": namespace}],
    }
    made = {"kind": "ServiceAccount", "metadata": {"name": "operator"}}
    cluster.admin.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", made).ok()
    cluster.admin.create(f"{RBAC}/namespaces/{namespace}/roles", role).ok()
    cluster.admin.create(f"{RBAC}/namespaces/{namespace}/rolebindings", binding).ok()
    token = cluster.token(namespace, "operator")
    last = allowed[-1]
    resource, _, sub = last.resource.partition("/")
    asked = {"group": last.group, "resource": resource, "subresource": sub, "verb": last.verb}
    cluster.until_allowed(token, True, namespace=namespace, **asked)
    return namespace, token


async def live(cluster: Cluster, namespace: str, token: str, refusals: Refusals) -> None:
    """All that an operator does for the people and boards of a namespace, from its start to a lease's end."""
    world = World(cluster.api, cluster.admin, namespace)
    access = cluster.access(token)
    watch = of_cluster(access, (namespace,), SystemClock())
    with refusals.of_kopf():
        async with (
            contended(access, cluster.admin, refusals) as kube,
            lab_over(kube, watch, world.settings(), Tokens(), SystemClock()) as lab,
        ):
            await _live(world, lab)


async def _live(world: World, lab: LabService) -> None:
    world.create("Client", "ci", {})
    allow = {"exporterSelector": {}, "policies": [{"from": [{"clientSelector": {}}]}]}
    world.create("ExporterAccessPolicy", "all", allow)
    world.exporter("bench-1")
    await seen(world, "clients", lambda it: it.get("status", {}).get("credential"))
    await seen(world, "exporteraccesspolicies", lambda it: condition(it, "Valid"))
    await seen(world, "exporters", lambda it: it.get("status", {}).get("credential"))
    bench, lease = Name(world.namespace, "bench-1"), Name(world.namespace, "one")
    await lab.register(bench, {"jumpstarter.dev/rack": "7"}, [])
    await lab.rotate_client_token(Name(world.namespace, "ci"), await asyncio.to_thread(world.token, "ci"))
    async with serving(SimulatedExporter(lab, bench)):
        wanted = {"selector": {"matchLabels": {"board": "imx8"}}, "tags": {"job": "1"}}
        asked = {"clientRef": {"name": "ci"}, "duration": "10m", **wanted}
        await lab.create_lease(world.namespace, "one", asked)
        await seen(world, "leases", lambda it: condition(it, "Ready") == "True")
        await lab.edit_lease(lease, {"duration": "20m"})
        await seen(world, "events", bool)
        await lab.release_lease(lease)
        await lab.create_lease(world.namespace, "one", asked)  # replaces the ended one
        await lab.release_lease(lease)
        await seen(world, "exporters", lambda it: "leaseRef" not in it["status"])


async def seen(world: World, plural: str, holds: Callable[[Plain], Any]) -> None:
    """Returns once an object of the namespace is as asked."""
    async with connected(KubeAccess(world.api.url, world.api.ca.read_text(), world.api.token)) as kube:
        async with asyncio.timeout(BOUND_SECONDS):
            while not any(holds(each) for each in await kube.list(world.path(plural))):
                pass  # each answer is the wait


async def test_the_rules_of_the_chart_are_enough(defined: Cluster) -> None:
    namespace, token = account(defined, rights(LAB_RULES))
    refusals = Refusals()
    await live(defined, namespace, token, refusals)
    assert refusals.sentences == []


@pytest.mark.parametrize("right", rights(LAB_RULES), ids=str)
async def test_without_a_right_something_named_fails(defined: Cluster, right: Right) -> None:
    namespace, token = account(defined, [it for it in rights(LAB_RULES) if it != right])
    refusals = Refusals()
    living = asyncio.create_task(live(defined, namespace, token, refusals), name="the life of a lease")
    try:
        await refusals.until(right.refusal)
    finally:
        living.cancel()
        with suppress(asyncio.CancelledError, ApiError, BaseExceptionGroup):
            await living


NEEDED_AT_THE_START = [right for right in rights(KEYS_RULES) if right.verb != "patch"]


@pytest.mark.parametrize("right", NEEDED_AT_THE_START, ids=str)
async def test_without_a_right_to_its_keys_the_operator_does_not_start(defined: Cluster, right: Right) -> None:
    namespace, token = account(defined, [it for it in rights(KEYS_RULES) if it != right])
    listening = Listening("127.0.0.1:0", "lab.example:7444")
    with pytest.raises(ApiRefused, match=right.refusal):
        async with in_cluster(defined.access(token), listening, Installation(namespace, (namespace,)), PROCESS):
            pass


@pytest.mark.parametrize("is_missing", [False, True], ids=["enough", "without patch secrets"])
async def test_a_rotation_of_the_ca_is_taken_over_by_the_right_to_patch_the_keys(
    defined: Cluster, *, is_missing: bool
) -> None:
    needed = Right("", "secrets", "patch")
    namespace, token = account(defined, [it for it in rights(KEYS_RULES) if not is_missing or it != needed])
    refused = pytest.raises(ApiRefused, match=needed.refusal) if is_missing else nullcontext()
    async with connected(defined.access(token)) as operator, connected(defined.access(defined.api.token)) as admin:
        first = (await keys_in_secret(operator, namespace)).authority
        await SecretAuthority(admin, namespace).rotate(Step.BEGIN)
        with refused:
            both = await SecretAuthority(operator, namespace).follow(first)
            await SecretAuthority(operator, namespace).follow(both)
        assert await SecretAuthority(admin, namespace).is_taken_over() is not is_missing


async def compete(cluster: Cluster, namespace: str, token: str) -> None:
    """Leads for the first time, and a second time, when there is a Lease."""
    pod = {"kind": "Pod", "metadata": {"name": "one"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert cluster.admin.create(f"/api/v1/namespaces/{namespace}/pods", pod).code in (201, 409)
    async with connected(cluster.access(token)) as kube:
        for _ in range(2):
            async with asyncio.timeout(BOUND_SECONDS), leading(kube, PodIdentity(namespace, "one"), PROCESS) as lead:
                await lead.attract_clients()


async def test_the_rules_for_the_lead_are_enough(cluster: Cluster) -> None:
    namespace, token = account(cluster, rights(LEAD_RULES))
    await compete(cluster, namespace, token)


@pytest.mark.parametrize("right", rights(LEAD_RULES), ids=str)
async def test_without_a_right_to_the_lead_the_operator_does_not_start(cluster: Cluster, right: Right) -> None:
    namespace, token = account(cluster, [it for it in rights(LEAD_RULES) if it != right])
    if right == Right("coordination.k8s.io", "leases", "patch"):
        where = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        cluster.admin.create(where, {"kind": "Lease", "metadata": {"name": "jumplab-operator"}, "spec": {}}).ok()
    with pytest.raises(ApiRefused, match=right.refusal):
        await compete(cluster, namespace, token)


def test_the_rules_name_no_wildcard_and_the_keys_by_name() -> None:
    for rule in [*LAB_RULES, *KEYS_RULES, *LEAD_RULES]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
    assert LEAD_RULES[0]["resourceNames"] == ["jumplab-operator"]
    assert KEYS_RULES[0]["resourceNames"] == ["jumplab-operator-keys"]
