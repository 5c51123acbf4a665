"""What is kept, and in what order it changed.

`store` is the SQLite file, `writer` its only writer, `history` what watches read, `datadir` the folder of
everything that outlives the process. Start with `store`. Never here: what an object means.
"""
