"""Drivers that only hold others."""
