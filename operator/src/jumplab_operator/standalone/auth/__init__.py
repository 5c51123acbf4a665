"""Who asks, and whether they may: users, service accounts, and the reviews that answer such questions.

Start with `auth`. Never here: what is done with the request once it has been let in.
"""
