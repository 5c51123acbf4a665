"""Drivers in a process of their own: `isolate: true`.

A unit is an entry at the top of `export` with all that it contains, and the entries that `ref`s join it with. Its
drivers run in one child process (`child`), which serves the session protocol over a socket pair. In the exporter,
stand-ins (`stand_ins`) take their places in the tree and pass calls on; the buffers of consoles stay there. A
`supervisor` starts the process with the lease's drivers, names the cause where it ends, starts it anew, and ends it.
"""
