"""kopf's memory of the objects that it watches: empty.

Its default storages copy each object at each event, several times, for a difference and a progress that only its
other handlers use. Ours receive events only: this halves the cost of kopf.
"""

from typing import Any

import kopf


class NoEssence(kopf.DiffBaseStorage):
    """No object is ever compared with what it was: it always was, and is, the same."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> kopf.BodyEssence:
        return kopf.BodyEssence()

    def store(self, **_: Any) -> None:
        pass


class NoProgress(kopf.ProgressStorage):
    """No handler is ever retried."""

    def fetch(self, **_: Any) -> None:
        return None

    def store(self, **_: Any) -> None:
        pass

    def purge(self, **_: Any) -> None:
        pass

    def touch(self, **_: Any) -> None:
        pass

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        return essence
