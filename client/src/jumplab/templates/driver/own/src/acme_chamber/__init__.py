"""A driver for Jumplab: interface, driver, clients, and a simulator of the device."""
