"""Resource names as the client's API has them: `namespaces/NAMESPACE/leases/NAME`."""

from jumplab_operator.controller.refusals import BadRequest
from jumplab_operator.names import Name


def resource_name(collection: str, name: Name) -> str:
    """`namespaces/NAMESPACE/COLLECTION/NAME`."""
    return f"namespaces/{name.namespace}/{collection}/{name.name}"


def parse_resource(collection: str, text: str) -> Name:
    """The name in `namespaces/NAMESPACE/COLLECTION/NAME`. Raises BadRequest."""
    match text.split("/"):
        case ["namespaces", namespace, kind, name] if kind == collection and namespace and name:
            return Name(namespace, name)
    raise BadRequest(f'"{text}" is not a resource name; write namespaces/NAMESPACE/{collection}/NAME')


def parse_parent(text: str) -> str:
    """The namespace in `namespaces/NAMESPACE`. Raises BadRequest."""
    match text.split("/"):
        case ["namespaces", namespace] if namespace:
            return namespace
    raise BadRequest(f'"{text}" is not a parent name; write namespaces/NAMESPACE')
