"""The operator: decides who gets which exporter, serves exporters and clients over gRPC, and relays their streams.

`main` is the program, `control_plane` puts one process together, and the rooms below it have one order, from
`reconcile` and `standalone` down to `names` and `errors`. Start with `reconcile` for the life of a lease, with
`leasing` for the decisions.

Never here: a driver, or anything of the client library but the wire format (`jumplab.protocol`) and
`jumplab.transport`.
"""
