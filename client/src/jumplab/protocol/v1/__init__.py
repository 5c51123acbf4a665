"""Generated from client/proto/jumplab/v1 by `make generate`."""
