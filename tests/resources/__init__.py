"""The typed resources and the CRDs that are made from them."""
