"""`make soak`: leases in a row, and whether anything has grown meanwhile: memory, or the size of the database."""
