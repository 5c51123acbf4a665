"""The Kubernetes API as the operator uses it.

`client` sends requests, `kopf_watch` and `informer` bring `object_store` in line with the API, `event_recorder` posts
Events, `access` finds the API and the credential for it. Start with `client`.

Never here: a rule of the lab. What an object means is decided in `leasing` and `reconcile`. kopf runs in a thread
and loop of its own and only watches: every write comes from the main loop and carries the resource version that it
rests on.
"""
