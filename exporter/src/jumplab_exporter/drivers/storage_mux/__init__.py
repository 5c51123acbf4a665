"""Muxes that connect a storage with the lab host or with a device."""
