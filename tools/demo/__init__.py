"""`make demo`: a lab on this machine, from an empty folder to a board's prompt, with what a user would type.

It uses kubectl and QEMU where they are, says what it did not find, and leaves nothing behind.
"""
