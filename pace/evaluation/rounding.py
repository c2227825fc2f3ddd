"""Numbers as the results' files hold them."""

DIGITS = 6


def rounded(value: object) -> object:
    """The same nested value with floats of six decimals; tuples become lists, as JSON has them."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value
