"""How long to look: a little in the tests, for as long as told in `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

_EXAMPLES = int(os.environ.get("JUMPLAB_FUZZ_EXAMPLES", "40"))

settings.register_profile(
    "fuzz", max_examples=_EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("fuzz")
