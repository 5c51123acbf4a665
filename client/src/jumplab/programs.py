"""Where the programs of this installation are, which need not be on anybody's PATH."""

import os
import sys
import sysconfig


def folder_of(program: str) -> str:
    """The folder of this installation's program of that name; empty where there is none."""
    places = (sysconfig.get_path("scripts"), os.path.dirname(sys.executable))
    return next((place for place in places if os.path.exists(os.path.join(place, program))), "")
