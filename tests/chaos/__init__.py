"""The chaos suite: that it finds what is broken, and a short run of it."""
