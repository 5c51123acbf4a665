"""Random input, found and shrunk by hypothesis: whatever comes, what is told is an error, and nothing else breaks."""

import os

from hypothesis import settings

FUZZED = settings(max_examples=int(os.environ.get("JUMPLAB_FUZZ_EXAMPLES", "40")), print_blob=True)
"""How long to look: a little in the tests; as long as `make fuzz` says, which has other input each time."""
