"""The JSON schema of an exporter's configuration file, for editors.

`document` makes the whole of it: the file from the models of `config`, and the `config` of each driver type from the
driver's own settings, with their docstrings. `settings` says how settings are written in files. The schema is for
whoever writes a file; `config.load` alone decides what is read.
"""
