"""The source of each clip, read out of its name: what intervals resample."""

import re
from collections.abc import Sequence
from typing import Any


def group_names(names: Sequence[str], pattern: str | None) -> dict[str, str]:
    """Clip -> its source: what the pattern's first group, or else the whole pattern, matches at the name's start.

    Clips whose name does not match are sources of their own, and so is every clip without a pattern. Raises ValueError
    for an invalid pattern and for one that no name matches.
    """
    if pattern is None:
        return {name: name for name in names}
    try:
        matches = {name: re.match(pattern, name) for name in names}
    except re.error as error:
        raise ValueError(
            f"{pattern!r} is not a valid regular expression ({error}); give one such as '(.*)_[0-9]+'"
        ) from None
    if not any(matches.values()):
        remedy = "the pattern must match from a name's first character on, as '(.*)_[0-9]+' does"
        raise ValueError(f"no clip has a name that {pattern!r} matches, for instance {names[0]!r}; {remedy}")
    return {name: (match[min(1, len(match.groups()))] or name) if match else name for name, match in matches.items()}


def describe(names: Sequence[str], pattern: str | None) -> dict[str, Any]:
    """What the intervals resample: `pattern`, the number of `clips` and of their `sources`, `unmatched` names."""
    sources = {*group_names(names, pattern).values()}
    unmatched = [name for name in names if pattern is not None and not re.match(pattern, name)]
    return {"pattern": pattern, "clips": len(names), "sources": len(sources), "unmatched": unmatched}
