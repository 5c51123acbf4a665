"""What the API server counts by itself: the requests that write, by what they wrote.

`apiserver_request_total` of its /metrics. Leases of coordination.k8s.io are left out: they are what an idle cluster
writes.
"""

import re
from collections import Counter

from tools.bench.lab import Lab

_SAMPLE = re.compile(r"^apiserver_request_total\{(?P<labels>[^}]*)\} (?P<count>\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')
_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "APPLY": "apply", "DELETE": "delete"}


def writes(lab: Lab) -> Counter[str]:
    """How many so far, by names such as `patch leases/status`, refused ones included."""
    found: Counter[str] = Counter()
    for sample in _SAMPLE.finditer(lab.kube.get("/metrics").ok().decode()):
        labels = dict(_LABEL.findall(sample["labels"]))
        if labels["verb"] in _WRITES and labels["group"] != "coordination.k8s.io":
            what = "/".join(part for part in (labels["resource"], labels["subresource"]) if part)
            found[f"{_WRITES[labels['verb']]} {what}"] += int(float(sample["count"]))
    return found
