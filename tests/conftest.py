"""What holds for every test."""

from hypothesis import settings

# The same examples in every run: a red build can be repeated, and a green one does not depend on luck.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.load_profile("steady")
