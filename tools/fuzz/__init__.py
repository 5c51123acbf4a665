"""The part of `make fuzz` that is guided by coverage: atheris looks for input that breaks what strangers can reach.

    targets     what is given noise, and the honest input that noise is made from
    guided      one target in a process of its own, for so many seconds; what it found, and how to play it again

What hypothesis finds is in `tests/fuzz`. Atheris has wheels for some Pythons only: nothing else needs it.
"""
