"""The indexes of one namespace, kept up to date while facts change, so that a change costs no new look at everything.

Start with `namespace_cache`, which holds the others: pools of exporters, queues in fair order, quotas,
reservations.

Never here: a decision about who gets an exporter. The answers are those that the facts alone would give, only
sooner.
"""
