"""The pages in docs/, held against the code."""
