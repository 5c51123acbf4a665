"""What kubectl asks before and after the objects themselves: discovery, OpenAPI, tables and their columns.

Start with `discovery`. Everything here is derived from the kinds that are served; nothing here is stored.
"""
