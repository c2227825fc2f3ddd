"""The source of a clip, read out of its name."""

import pytest

from pace.scoring.groups import describe, group_names


def test_sources_are_what_the_pattern_finds_in_the_name():
    names = ["x_1", "x_22", "y_1", "odd"]
    assert group_names(names, r"(.*)_\d+") == {"x_1": "x", "x_22": "x", "y_1": "y", "odd": "odd"}
    assert group_names(names, "x_") == {"x_1": "x_", "x_22": "x_", "y_1": "y_1", "odd": "odd"}
    assert group_names(names, None) == {name: name for name in names}
    with pytest.raises(ValueError, match=r"'\(' is not a valid regular expression"):
        group_names(names, "(")
    with pytest.raises(ValueError, match=r"no clip has a name that 'song' matches, for instance 'x_1'; "):
        group_names(names, "song")
    assert describe(names, r"(.*)_\d+") == {"pattern": r"(.*)_\d+", "clips": 4, "sources": 3, "unmatched": ["odd"]}
    assert describe(names, None) == {"pattern": None, "clips": 4, "sources": 4, "unmatched": []}
