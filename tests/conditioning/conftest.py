"""Every module here runs on one PyTorch thread."""

from helpers.threads import one_thread  # noqa: F401
