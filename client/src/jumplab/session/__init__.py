"""A session, both ends: `client` attaches to the drivers of a leased exporter, `host` serves them.

What both ends share stands beside them: `frames` on one connection, `channel` over all connections of a session,
`bytestream` for bytes, `call_errors` for what a call raises. Start with `client.session` and `host.host`.

Never here: how a link is made (`jumplab.transport` does) or who may lease what.
"""
