"""The worlds that tests of several folders are in.

- At the wire, in this process: `relay` is a router with its peers, `tests.client.lab_double` a controller for clients,
  `tests.exporter.control_plane` one for exporters, `tests.controller.world` a controller over a lab in memory.
- The operator in this process, on a real API server: `tests.reconcile.world`.
- Processes throughout: `one_machine` is a control plane as a person starts it, `tests.lab.lab` a lab with exporters and
  people.

API servers are started by `tests.kube`, for all of them.
"""
