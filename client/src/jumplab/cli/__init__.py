"""The commands `jumplab` and, inside a leased shell, `j`.

`commands` has one module for each command of `jumplab`, `j` has all of `j`, and what both use stands beside them.
Start with `main`. Commands parse, print and exit; what they do is in `jumplab.client` and `jumplab.session`. Each
command's module is imported when that command runs, so that `jumplab --help` needs click alone.
"""
