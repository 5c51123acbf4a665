"""The images: the Dockerfile's steps, run without a container engine."""
