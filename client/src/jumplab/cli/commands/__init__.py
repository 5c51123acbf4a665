"""One module for each command of `jumplab`, named as the command is.

Never here: what several commands share; that stands in `jumplab.cli`.
"""
