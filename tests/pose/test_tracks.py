"""Following the main dancer among several people."""

import logging

import numpy as np
import pytest
from helpers.people import dancing

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


def people(points, first=0, person=None, step=1):
    """A detection in every `step`-th frame of keypoints (N,26,3), the first at frame `first`."""
    return [Detection(first + i, points[i], person) for i in range(0, len(points), step)]


@pytest.mark.parametrize("fps", [15.0, 30.0, 60.0])
@pytest.mark.parametrize("person", [0, None, "A"])
def test_a_change_of_person_ends_the_track(fps, person, caplog):
    """The first leaves after 3 s; the second stands 1.2 body heights beside."""
    count = round(5 * fps)
    first, second = dancing(count, 150, 40, 200, fps), dancing(count, 390, 40, 200, fps)
    cut = round(3 * fps)
    with caplog.at_level(logging.WARNING):
        main = follow(people(np.concatenate([first[:cut], second[cut:]]), person=person), fps, "v.mp4")
    edge = round(0.1 * fps)
    assert sorted(main) == list(range(cut - edge))
    assert (
        f"v.mp4: followed one person until {(cut - edge - 1) / fps:.1f} s; another appears at 3.0 s "
        f"(frames {cut - edge} to {count - 1} are not detected)"
    ) in caplog.text


def test_the_longer_of_two_who_come_one_after_the_other(caplog):
    """0.5 s of a passer-by, then the dancer; a passer-by in the middle; and one at the end."""
    dance, other = dancing(150, 150, 40, 200), dancing(150, 420, 60, 180)
    for start, end in ((0, 15), (60, 75), (135, 150)):
        seen = dance.copy()
        seen[start:end] = other[start:end]
        main = follow(people(seen), 30.0, "v")
        assert sorted(main) == [i for i in range(150) if not start - 3 <= i < end + 3]
        assert all(np.array_equal(main[i].points, dance[i]) for i in main)
    assert "v: followed one person from 0.6 s; another is seen before (frames 0 to 17 are not detected)" in caplog.text
    assert (
        "followed one person until 1.9 s; another appears at 2.0 s; the first is found again at 2.6 s "
        "(frames 57 to 77 are not detected)"
    ) in caplog.text


def test_labels_that_change_bodies(caplog):
    """The estimator exchanges the labels of two dancers: the one followed stays the same."""
    left, right = dancing(90, 150, 40, 220), dancing(90, 350, 60, 180)
    first = [*people(left[:40], 0, 1), *people(right[40:], 40, 1)]
    second = [*people(right[:40], 0, 2), *people(left[40:], 40, 2)]
    main = follow(first + second, 30.0, "v")
    assert sorted(main) == list(range(90)) and all(np.array_equal(main[i].points, left[i]) for i in main)


@pytest.mark.parametrize("gap", [1, 15, 60, 400])
def test_the_same_dancer_after_a_time_out_of_sight(gap, caplog):
    dance = dancing(460, 300, 40, 200)
    main = follow(people(dance[:30]) + people(dance[30 + gap :], 30 + gap), 30.0, "v")
    assert sorted(main) == [*range(30), *range(30 + gap, 460)] and not caplog.records


def test_who_reappears_elsewhere_is_another(caplog):
    """Out of sight for 2 s, then 1.2 body heights away."""
    main = follow(people(dancing(90, 150, 40, 200)) + people(dancing(60, 390, 40, 200), 150), 30.0, "v")
    assert sorted(main) == list(range(87))
    assert (
        "followed one person until 2.9 s; another appears at 5.0 s (frames 87 to 209 are not detected)" in caplog.text
    )


def test_camera_moves_are_no_jumps(caplog):
    """A pan over 3 body heights in 3 s, a zoom by 3 in 3 s, a leap of 2.5 m/s, a crouch within 0.2 s."""
    t = np.arange(90) / 30
    dance = dancing(90, 200, 40, 200)
    pan, zoom, leap, crouch = dance.copy(), dance.copy(), dance.copy(), dance.copy()
    pan[..., 0] += 200 * t[:, None]
    zoom[..., :2] *= (1 + 2 / 3 * t)[:, None, None]
    leap[30:60, :, 0] += (np.arange(30) / 30 * 2.5 * 200 / 1.7)[:, None]
    leap[60:, :, 0] += 2.5 * 200 / 1.7
    depth = 1 - 0.5 * np.clip((t - 1) / 0.2, 0, 1)
    crouch[..., 1] = 240 - (240 - crouch[..., 1]) * depth[:, None]
    for moved in (pan, zoom, leap, crouch):
        assert len(follow(people(moved), 30.0, "v")) == 90
    assert not caplog.records


def test_a_cut_to_another_zoom_keeps_the_dancer(caplog):
    """The frame after the cut is left out, so that the jump is a gap."""
    dance = dancing(90, 300, 40, 280)
    dance[45:, :, :2] = [300, 160] + (dance[45:, :, :2] - [300, 160]) * 0.55
    main = follow(people(dance), 30.0, "v")
    assert sorted(main) == [i for i in range(90) if i != 45]
    assert "v: the dancer jumps at 1.5 s; this does not count as motion" in caplog.text


@pytest.mark.parametrize("person", [None, 3])
@pytest.mark.parametrize("frames, heights", [(2, 0.7), (3, 1.2), (4, 1.2), (8, 1.2), (10, 2.0)])
def test_a_change_of_person_that_takes_some_frames_is_one(frames, heights, person, caplog):
    """An estimator that glides from one person to the next in a third of a second."""
    size = at(0, 0).extent
    path = np.concatenate(
        [np.full(75, 0.0), np.linspace(0, heights * size, frames + 1)[1:], np.full(60, heights * size)]
    )
    with caplog.at_level(logging.WARNING):
        main = follow([at(i, 300 + x, person=person) for i, x in enumerate(path)], 30.0, "v")
    assert set(range(70)) <= set(main) and max(main) < 75 + frames
    assert max(centres(main).values()) < 300 + 0.65 * size
    assert "another appears" in caplog.text


@pytest.mark.parametrize("period", [2, 3])
def test_labels_that_flicker_are_not_believed(period, caplog):
    people = [at(i, 100 + i, person=str(i % period)) for i in range(60)]
    with caplog.at_level(logging.WARNING):
        main = follow(people, 30.0, "v")
    assert sorted(main) == list(range(60)) and "another" not in caplog.text
