"""Records of the standalone API's requests: every write, every look at a Secret, and every refusal."""

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from jumplab.transport.tokens import presented_token
from jumplab_operator.audit import OperatorAudit, brief, credential_id
from jumplab_operator.standalone.http.verbs import USER

_READS = ("GET", "HEAD")
_REFUSALS = (401, 403, 429)


def audited(audit: OperatorAudit) -> Middleware:
    """The outermost middleware: it sees each answer as it leaves.

    The requests of the operator itself are left out: the records of its callers say why it made them.
    """

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if audit.is_kept:
            _add(audit, request, answer.status)
        return answer

    return record


def _add(audit: OperatorAudit, request: web.Request, code: int) -> None:
    user, is_refusal = request.get(USER), code in _REFUSALS
    if user is None:
        if is_refusal:
            audit.refused_stranger("no good token was presented", **_fields(request, code))
    elif is_refusal:
        audit.refused("the user may not do this now", user=user.name, **_fields(request, code))
    elif not user.is_own and (request.method not in _READS or _is_of_secrets(request.path)):
        audit.add("request", user=user.name, **_fields(request, code))


def _fields(request: web.Request, code: int) -> dict[str, object]:
    token = presented_token(request.headers.get("Authorization", ""))
    where: dict[str, object] = {"verb": request.method, "path": brief(request.path), "code": code}
    return {**where, "credential": credential_id(token), "address": request.remote}


def _is_of_secrets(path: str) -> bool:
    return "secrets" in path.split("/")
