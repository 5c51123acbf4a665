"""The one-machine control plane: a Kubernetes API on SQLite, for kopf, our own processes and an everyday kubectl.

Seven rooms: `http` (requests and answers) stands on `auth` (who asks, and may they), `controllers` (what follows of
a change) and `kubectl` (discovery, OpenAPI, tables), these on `objects` (kinds, schemas, what an object may
become), `storage` (SQLite, history, the data directory) and `base`. Start with `http.application`; a watch is
served in `http.watch_handler`.

Never here: knowledge of exporters or leases. Their resources reach this package as CRDs, as they reach any other
server.
"""
