"""Random input, found and shrunk by hypothesis: whatever comes, what is told is an error, and nothing else breaks."""

import os

from hypothesis import settings

_EXAMPLES = os.environ.get("JUMPLAB_FUZZ_EXAMPLES")

FUZZED = settings(max_examples=int(_EXAMPLES or 40), derandomize=not _EXAMPLES, print_blob=True)
"""How long to look: a little in the tests, and for the same; as long as `make fuzz` says, for other input each time."""
