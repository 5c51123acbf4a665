"""The one-machine control plane: a Kubernetes API on SQLite, for kopf, our own processes and an everyday kubectl.

One module a concern: `server` opens the door (TLS, tokens, HTTP), `routes` reads what a URL names, `verbs` answers it;
`kinds`, `crds` and `registry` say what is served, `lifecycle` and `schema*` what an object may become, `store`,
`writer` and `watch` keep it and tell of it, `datadir` and `certificates` hold what outlives the process.

Never here: knowledge of exporters or leases. Their resources reach this room as CRDs, as they reach any other server.
"""
