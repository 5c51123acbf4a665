"""The program `j`: the commands that the drivers of a leased board offer.

Start with `main`. `delegated_call` hands a plain call to the leased shell's process, where `delegated_call_server`
makes it, and imports next to nothing; all else is loaded when a command needs it.
"""
