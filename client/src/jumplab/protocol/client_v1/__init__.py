"""Generated from client/proto/jumplab/client/v1 by `make generate`."""
