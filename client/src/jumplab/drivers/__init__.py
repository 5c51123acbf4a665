"""The standard interfaces, each in its folder with its clients for asyncio and for plain code.

The implementations for devices are the exporter's. A folder's `plain.py` is generated from its `aio.py` by
`make generate`.
"""
