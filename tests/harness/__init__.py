"""The harness of the tests themselves: what is left out, what is required, and which tests go together."""
