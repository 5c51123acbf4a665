"""The reset of a device."""
