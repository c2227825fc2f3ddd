"""Following the main dancer among several people."""

import logging

import numpy as np

from pace.pose.tracks import Detection, follow

SHAPE = np.random.default_rng(0).uniform(-1, 1, (17, 2))


def at(frame, x, size=50.0, person=None):
    points = np.column_stack([SHAPE * size + [x, 200], np.full(17, 0.8)])
    return Detection(frame, points, person)


def centres(track):
    return {frame: item.points[:, 0].mean() - SHAPE[:, 0].mean() * 50 for frame, item in track.items()}


def test_longest_by_number_and_what_is_dropped(caplog):
    people = [at(f, 100 + f, person=4) for f in range(90)] + [at(f, 400, person=2) for f in range(40)]
    with caplog.at_level(logging.WARNING):
        main = follow(people, 30.0, "v.json")
    assert sorted(main) == list(range(90)) and {item.person for item in main.values()} == {4}
    assert "v.json: followed one person through 90 frames; dropped 40 detections of 1 other tracks" in caplog.text


def test_largest_of_equally_long_ones():
    people = [at(f, 100, size=20, person=1) for f in range(50)] + [at(f, 400, size=80, person=2) for f in range(50)]
    assert {item.person for item in follow(people, 30.0, "v").values()} == {2}


def test_without_numbers_two_dancers_keep_apart():
    """Two people in changing order, moving 2 pixels a frame; one leaves for the last third."""
    rng = np.random.default_rng(1)
    people = []
    for frame in range(90):
        pair = [at(frame, 100 + 2 * frame)] + ([at(frame, 420 - frame)] if frame < 60 else [])
        people += [pair[i] for i in rng.permutation(len(pair))]
    positions = centres(follow(people, 30.0, "v"))
    assert all(abs(positions[frame] - (100 + 2 * frame)) < 1e-6 for frame in range(90))


def test_numbers_repeated_in_a_frame_are_not_trusted():
    people = [at(f, x, person=0) for f in range(30) for x in ((100, 500) if f % 2 else (500, 100))]
    positions = centres(follow(people, 30.0, "v"))
    assert len(positions) == 30 and np.ptp(list(positions.values())) < 1e-6


def test_a_renumbered_person_is_followed_on():
    people = [at(f, 100 + f, person=1) for f in range(40)] + [at(f, 100 + f, person=7) for f in range(45, 100)]
    people += [at(f, 500, size=40, person=3) for f in range(60)]
    positions = centres(follow(people, 30.0, "v"))
    assert sorted(positions) == [*range(40), *range(45, 100)]
    assert all(abs(x - (100 + frame)) < 1e-6 for frame, x in positions.items())


def test_nobody():
    assert follow([], 30.0, "v") == {}
