"""A variation module of snmpsim: outlets whose control and state are two OIDs of one relay.

A record's value is NAME/ON/OFF: the outlet, and the values of this OID for on and off.
"""

moduleContext: dict[str, dict[str, bool]] = {}  # snmpsim gives the module its own  # noqa: N816


def init(**context):
    moduleContext["outlets"] = {}


def variate(oid, tag, value, **context):
    if not context["nextFlag"] and not context["exactMatch"]:
        return context["origOid"], tag, context["errorStatus"]
    name, on, off = value.split("/")
    outlets = moduleContext["outlets"]
    if context["setFlag"]:
        outlets[name] = int(context["origValue"]) == int(on)
        return oid, tag, context["origValue"]
    from pysnmp.proto.rfc1902 import Integer32

    return oid, tag, Integer32(on if outlets.get(name) else off)


def shutdown(**context):
    pass
