"""The Kubernetes API as the operator uses it.

`client` sends requests, `kopf_watch` and `informer` bring `object_store` in line with the API, `event_recorder` posts
Events, `access` finds the API and the credential for it. Start with `client`.

Never here: a rule of the lab. What an object means is decided in `leasing` and `reconcile`. kopf runs in a thread
and loop of its own and only watches: every write comes from the main loop and carries the resource version that it
rests on.
"""

import os

from jumplab.config_places import NoHome, home_of

try:
    home_of(os.environ)
except NoHome:
    # The Kubernetes client looks for the user's home while it is imported, and fails without one.
    os.environ["HOME"] = os.sep
    import kubernetes.aio  # noqa: F401

    del os.environ["HOME"]
