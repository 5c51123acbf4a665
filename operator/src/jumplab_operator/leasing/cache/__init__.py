"""The indexes of one namespace, kept up to date while facts change, so that a change costs no new look at everything.

Start with `namespace_index`, which holds the others: pools of exporters, queues, claims, rights, usage. `quotas`,
`fair_order` and `reservation_placement` answer questions from it.

Never here: a decision about which lease gets an exporter. The answers are those that the facts alone would give, only
sooner.
"""
