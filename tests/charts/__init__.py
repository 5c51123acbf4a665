"""The charts with Helm itself, and what the operator does in a pod."""
