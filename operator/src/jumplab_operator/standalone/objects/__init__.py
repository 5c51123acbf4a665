"""What is served, and what an object may become: kinds, schemas, validation, metadata, CustomResourceDefinitions.

Start with `registry` for the kinds and `object_meta` for what happens to an object when it is written. Pure but for
the look-up of definitions: nothing here stores or answers.
"""
