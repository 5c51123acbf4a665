"""The commands `jumplab` and, inside a leased shell, `j`.

Commands parse, print and exit; what they do is in `jumplab.client` and `jumplab.session`. Each command's module is
imported when that command runs, so that `jumplab --help` needs click alone.
"""
