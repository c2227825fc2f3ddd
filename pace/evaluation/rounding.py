"""Numbers as the results' files hold them."""

import math
from typing import Any

DIGITS = 6  # decimals


def rounded(value: Any) -> Any:
    """The same nested value with floats rounded to six decimals, and as `without_nan` gives it."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) and math.isfinite(value) else without_nan(value)


def without_nan(value: Any) -> Any:
    """The same nested value with None for NaN and infinity: null in JSON, an empty cell in CSV; tuples become lists."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
