"""No example fails for being slow: a busy machine is no fault of the plan."""

from hypothesis import settings

settings.register_profile("leasing", deadline=None)
settings.load_profile("leasing")
