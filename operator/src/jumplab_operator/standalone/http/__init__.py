"""Requests and answers: HTTPS, bodies, patches, selectors, lists and watches.

`server` listens, `application` chooses who answers, `verbs` answers for objects, `watch_handler` for watches. Start
with `application`. No rule of Kubernetes objects is decided here: `objects` and `controllers` do.
"""
