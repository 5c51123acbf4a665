"""The wire format: code generated from `client/proto`, and conversions. No I/O."""
