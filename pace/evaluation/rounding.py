"""Numbers as the results' files hold them."""

from typing import Any

DIGITS = 6  # decimals


def rounded(value: Any) -> Any:
    """The same nested value with floats rounded to six decimals; tuples become lists, as in JSON."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
