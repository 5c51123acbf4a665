"""Flashers: each is a program, the words it is called with, and the signs by which its output is read."""
