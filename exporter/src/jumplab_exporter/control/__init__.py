"""The control socket: requests of commands on this machine to the exporter that runs, such as `jumplab-exporter check`.

A socket in the exporter's own folder, for its user alone. One connection is one request: a line of JSON,
`{"request": NAME, …}`, and one for the answer, `{"result": {…}}` or `{"refused": SENTENCE}`. The room holds both ends
(`serving`, `asking`) and how they find each other; what a request does is the exporter's matter. It never serves a
lease's clients.
"""
