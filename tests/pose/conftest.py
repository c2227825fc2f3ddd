"""The fixtures that AIST++'s tests share."""

from helpers.aistpp_miniature import annotations, dataset  # noqa: F401  (fixtures)
