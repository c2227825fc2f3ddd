import time

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d

from pace.pose.skeleton import BONES
from pace.synthetic.body import ARM_LIMITS, KNEE_RANGE
from pace.synthetic.choreography import choreograph, ease, track
from pace.synthetic.clock import Clock
from pace.synthetic.moves import ARM_MOVES, ARM_POSES, LEG_MOVES, MANNERS
from pace.synthetic.styles import STYLES

FPS = 30


def dance(style, seed=0, bpm=100.0, first_beat=0.3, seconds=10.0):
    return choreograph(style, bpm, first_beat, seconds, FPS, np.random.default_rng(seed))


def flexion(a, b, c):
    """Angle (N,) between the segments a-b and b-c; 0 is straight."""
    first, second = b - a, c - b
    cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1))


def test_ease_goes_from_0_to_1_and_is_fastest_after_the_middle():
    phase = np.linspace(-0.5, 1.5, 2001)
    share = ease(phase)
    assert share[0] == 0 and share[-1] == 1
    assert np.all(np.diff(share) >= 0)
    assert 0.55 < phase[np.argmax(np.diff(share))] < 0.7


def test_track_arrives_at_its_keys_and_stands_still_there():
    arrivals, values = np.array([0.0, 1.0, 2.0]), np.array([[0.0], [3.0], [-1.0]])
    times = np.array([0.0, 0.5999, 0.999, 1.0, 1.3, 2.0, 5.0])
    out = track(times, arrivals, values, np.full(3, 0.4))[:, 0]
    np.testing.assert_allclose(out, [0, 0, 3, 3, 3, -1, -1], atol=1e-3)


def test_clock_counts_the_beats_inside_a_video():
    clock = Clock(bpm=120.0, first_beat=1.2)
    assert clock.beats(2.0).tolist() == [-2, -1, 0, 1]
    np.testing.assert_allclose(clock.time(clock.beats(2.0)), [0.2, 0.7, 1.2, 1.7])


def test_every_style_has_its_manner_and_known_moves():
    assert set(MANNERS) == set(STYLES)
    for manner in MANNERS.values():
        assert set(manner.arms) <= set(ARM_MOVES) and set(manner.legs) <= set(LEG_MOVES)
    assert {key for move in ARM_MOVES.values() for _, *keys in move for key in keys if key} <= set(ARM_POSES)
    assert len({(manner.arms, manner.legs) for manner in MANNERS.values()}) == len(STYLES)


def test_unknown_style_is_named():
    with pytest.raises(ValueError, match="polka"):
        dance("polka")


@pytest.mark.parametrize("style", STYLES)
def test_anatomy(style):
    for seed in range(3):
        motion = dance(style, seed)
        joints, body = motion.joints, motion.body
        assert joints.shape == (300, 17, 3)
        lengths = np.stack([np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) for a, b in BONES])
        assert np.ptp(lengths, axis=1).max() < 1e-9
        knees = np.stack([flexion(*np.moveaxis(joints[:, leg], 1, 0)) for leg in ([1, 2, 3], [4, 5, 6])])
        assert KNEE_RANGE[0] - 1e-6 <= knees.min() and knees.max() <= KNEE_RANGE[1] + 1e-6
        elbows = np.stack([flexion(*np.moveaxis(joints[:, arm], 1, 0)) for arm in ([11, 12, 13], [14, 15, 16])])
        assert ARM_LIMITS[2, 0] - 1e-6 <= elbows.min() and elbows.max() <= ARM_LIMITS[2, 1] + 1e-6
        for hip, knee, ankle in ((1, 2, 3), (4, 5, 6)):  # knees bend forward
            bend = joints[:, knee] - (joints[:, hip] + joints[:, ankle]) / 2
            assert ((bend * motion.pelvis[:, :, 2]).sum(-1) > 0).all()
        assert joints[..., 1].min() > 0.8 * body.ankle
        assert (joints[:, 10, 1] > joints[:, 8, 1]).all() and (joints[:, 8, 1] > joints[:, 0, 1] + 0.3).all()


@pytest.mark.parametrize("style", STYLES)
def test_planted_feet_do_not_slide(style):
    motion = dance(style, 5)
    for ankle in (3, 6):
        position = motion.joints[:, ankle]
        planted = position[:, 1] < motion.body.ankle + 1e-3
        assert planted.mean() > 0.3
        starts = np.flatnonzero(np.diff(np.concatenate([[0], planted, [0]])))
        for start, end in starts.reshape(-1, 2):
            assert np.ptp(position[start:end, [0, 2]], axis=0).max() < 0.005


@pytest.mark.parametrize("style", STYLES)
def test_movements_arrive_on_the_beats(style):
    """Limbs are slow on a beat and fast in the 0.4 beats before it, in every style."""
    on, before = [], []
    for seed in range(6):
        motion = dance(style, seed, bpm=90 + 7 * seed)
        speed = np.linalg.norm(np.gradient(motion.joints, axis=0), axis=-1)[:, [3, 6, 13, 16]].mean(1)
        clock = Clock(90 + 7 * seed, 0.3)
        beats = clock.time(clock.beats(9.8))
        times = np.arange(len(speed)) / FPS
        on.append(np.interp(beats, times, speed).mean())
        lead = np.linspace(0.05, 0.4, 8)[:, None] * 60 / clock.bpm
        before.append(np.interp(beats - lead, times, speed).max(0).mean())
    assert np.mean(on) < 0.5 * np.mean(before)


def test_the_downbeat_has_the_strongest_drop():
    drops = np.zeros(4)
    for seed in range(8):
        motion = dance("middle_hip_hop", seed)
        height = motion.joints[:, 0, 1]
        height = height - uniform_filter1d(height, 19, mode="nearest")
        for beat in range(1, 16):
            drops[beat % 4] -= np.interp(0.3 + 0.6 * beat, np.arange(300) / FPS, height) / (3 if beat % 4 == 0 else 4)
    assert drops.argmax() == 0 and drops[0] > 1.3 * drops[[1, 3]].max()


@pytest.mark.parametrize("style", STYLES)
def test_energy_lies_in_the_human_band(style):
    motion = dance(style, 2)
    velocity = np.diff(motion.joints, axis=0).reshape(299, -1)
    power = (np.abs(np.fft.rfft(velocity * np.hanning(299)[:, None], axis=0)) ** 2).sum(1)
    rate = np.fft.rfftfreq(299, 1 / FPS)
    assert power[(rate >= 0.3) & (rate <= 6)].sum() > 0.93 * power.sum()


def test_parts_move_at_different_metrical_levels():
    """Pelvis yaw has a period of 8 beats (it arrives every 4); steps recur within 4 beats."""
    slow, quick = [], []
    for seed in range(6):
        motion = dance("street_jazz", seed, seconds=38.4)
        yaw = np.unwrap(np.arctan2(motion.pelvis[:, 0, 2], motion.pelvis[:, 2, 2]))
        centroid = []
        for signal in (yaw, motion.joints[:, 6, 1]):
            power = np.abs(np.fft.rfft((signal - signal.mean()) * np.hanning(len(signal)))) ** 2
            beats_per_cycle = np.fft.rfftfreq(len(signal), 1 / FPS) * 0.6
            centroid.append((power * beats_per_cycle).sum() / power.sum())
        slow.append(centroid[0])
        quick.append(centroid[1])
    assert np.mean(slow) < 0.25 < np.mean(quick)


def test_styles_differ_as_they_should():
    def speeds(style, joints):
        tracks = np.stack([dance(style, seed).joints[:, joints] for seed in range(5)])
        return np.linalg.norm(np.diff(tracks, axis=1), axis=-1)

    feet, wrists, trunk = [3, 6], [13, 16], [0, 8]
    assert speeds("house", feet).mean() > 1.3 * speeds("waack", feet).mean()
    assert np.percentile(speeds("waack", wrists), 95) > 1.5 * np.percentile(speeds("ballet_jazz", wrists), 95)
    assert speeds("krump", trunk).mean() > 1.3 * speeds("pop", trunk).mean()


def test_motion_follows_the_clock():
    """With the first beat 0.2 s later, the same seed gives the same dance six frames later."""
    early, late = dance("lock", 3, first_beat=0.1), dance("lock", 3, first_beat=0.3)
    np.testing.assert_allclose(late.joints[6:, [3, 6]], early.joints[:-6, [3, 6]], atol=1e-9)


def test_same_seed_same_dance_and_dancers_differ():
    np.testing.assert_array_equal(dance("house", 4).joints, dance("house", 4).joints)
    heights = [dance("house", seed, seconds=1).body.height for seed in range(30)]
    assert min(heights) >= 1.5 and max(heights) <= 1.9 and np.std(heights) > 0.05


def test_choreographing_takes_less_than_a_tenth_of_a_second():
    seconds = []
    for seed in range(5):
        start = time.perf_counter()
        dance("krump", seed)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1
