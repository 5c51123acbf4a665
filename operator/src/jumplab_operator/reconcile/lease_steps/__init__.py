"""The steps that reconcilers are made of: claims, conditions written, Events, notices, retention, credentials.

Each module is one step and is given what it needs; where a claim is written is `claims`. Never here: the order of
the steps, which is the reconcilers'.
"""
