"""Random input, found and shrunk by hypothesis: whatever comes, what is told is an error, and nothing else breaks."""
