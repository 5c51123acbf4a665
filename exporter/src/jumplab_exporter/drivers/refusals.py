"""Why a connection could not be made, in the system's words."""

import errno
import os


def reason_of(error: OSError) -> str:
    """asyncio's own words for a refused connection name the function that has failed."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno)
    return error.strerror or str(error)
