"""The costs of public inputs (`make costs`): whether each grows with its size alone, and how long the largest takes.

inputs      each input that somebody outside can send: its limit, and what is done with it
measuring   the processor's time and the calls of a size, and how they grow
"""
