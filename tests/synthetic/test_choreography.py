import time

import numpy as np
import pytest

from pace.motion.energy import EnergyParams, energies, lowpass
from pace.pose.skeleton import BONES, PARTS
from pace.synthetic.body import ARM_LIMITS, KNEE_RANGE
from pace.synthetic.choreography import choreograph, ease, moved, pulse
from pace.synthetic.clock import Clock
from pace.synthetic.moves import ARM_MOVES, ARM_POSES, LEG_MOVES, MANNERS, TORSO_MOVES
from pace.synthetic.phrases import CENTRES, GROUPS, Hit, spread
from pace.synthetic.styles import STYLES, draw_clock

FPS = 30
ENERGY = EnergyParams(6.0, 1.2, 2, "winter", "keep")


STEADY = Clock(100.0, 0.3)


def choreographed(style, seed=0, clock=STEADY, seconds=10.0, strength=1.0, fps=FPS):
    return choreograph(style, clock, seconds, fps, np.random.default_rng(seed), strength)


def dance(style, seed=0, seconds=10.0):
    return choreographed(style, seed, seconds=seconds).motion


@pytest.fixture(scope="module")
def dances():
    """Sixty dances of all styles, at 60 frames/s: (dance, clock, strength)."""
    out = []
    for number in range(60):
        rng = np.random.default_rng((5, number))
        clock, strength = draw_clock(STYLES[number % 10], rng), (number * 0.618) % 1
        out.append((choreograph(STYLES[number % 10], clock, 10.0, 60, rng, strength), clock, strength))
    return out


def flexion(a, b, c):
    """Angle (N,) between the segments a-b and b-c; 0 is straight."""
    first, second = b - a, c - b
    cosine = (first * second).sum(-1) / np.linalg.norm(first, axis=-1) / np.linalg.norm(second, axis=-1)
    return np.arccos(np.clip(cosine, -1, 1))


def test_ease_goes_from_0_to_1_and_is_fastest_in_the_middle():
    phase = np.linspace(-0.5, 1.5, 2001)
    share = ease(phase)
    assert share[0] == 0 and share[-1] == 1
    assert np.all(np.diff(share) >= 0)
    assert phase[np.argmax(np.diff(share))] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("gap", [np.inf, 0.3])
def test_a_hit_goes_out_and_back_and_is_fastest_at_its_time(gap):
    times = np.arange(0, 2, 0.001)
    shape = pulse(times, Hit(0.7, 1.0, gap, 0), 0.15, 0.3)
    assert shape[0] == shape[-1] == 0 and shape.max() == pytest.approx(1, abs=0.02)
    assert times[np.argmax(np.diff(shape))] == pytest.approx(0.7, abs=0.02)
    assert np.count_nonzero(shape > 0.01) < 1000 * min(gap + 0.01, 0.5)


def test_every_style_has_its_manner_and_known_moves():
    assert set(MANNERS) == set(STYLES)
    for manner in MANNERS.values():
        assert set(manner.arms) <= set(ARM_MOVES) and set(manner.legs) <= set(LEG_MOVES)
        assert set(manner.torso) <= set(TORSO_MOVES)
        assert sum(manner.carriers) == pytest.approx(1) and sum(manner.rates) == pytest.approx(1)
    assert {key for rest, targets in ARM_MOVES.values() for key in (rest, *targets)} <= set(ARM_POSES)
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
def test_feet_on_the_floor_hardly_slide(style):
    motion, shares = dance(style, 5), []
    for ankle in (3, 6):
        position = motion.joints[:, ankle]
        planted = position[:, 1] < motion.body.ankle + 1e-3
        shares.append(planted.mean())
        starts = np.flatnonzero(np.diff(np.concatenate([[0], planted, [0]])))
        for start, end in starts.reshape(-1, 2):
            assert np.ptp(position[start:end, [0, 2]], axis=0).max() < 0.06
    assert max(shares) > 0.02


@pytest.mark.parametrize("style", STYLES)
def test_energy_lies_in_the_human_band(style):
    motion = dance(style, 2)
    velocity = np.diff(motion.joints, axis=0).reshape(299, -1)
    power = (np.abs(np.fft.rfft(velocity * np.hanning(299)[:, None], axis=0)) ** 2).sum(1)
    rate = np.fft.rfftfreq(299, 1 / FPS)
    assert power[rate < 0.3].sum() < 0.15 * power.sum()
    assert power[rate > 6].sum() < 0.25 * power.sum()


def test_a_hold_is_still(dances):
    speeds = []
    for made, clock, _ in dances:
        speed = np.linalg.norm(np.gradient(made.motion.joints, axis=0), axis=-1).mean(axis=1) * 60
        place = clock.position(np.arange(len(speed)) / 60)
        for phrase in made.phrases:
            # The last hit comes back, and floating dies away, in the hold's first half beat.
            inside = (place >= phrase.end - phrase.hold + 0.6) & (place < phrase.end - 0.3)
            if inside.any():
                speeds.append(speed[inside].min() / speed.mean())
    assert len(speeds) > 40 and np.median(speeds) < 0.15


def test_the_carrying_parts_float_less(dances):
    ratios = {part: [] for part in PARTS}
    for made, clock, _ in dances:
        joints = made.motion.joints
        slow = np.linalg.norm(np.gradient(lowpass(joints, 60, 1.2, 2), axis=0), axis=-1) * 60
        place = clock.position(np.arange(len(joints)) / 60)
        for part, members in PARTS.items():
            speed = slow[:, list(members)].mean(axis=1)
            means = {True: [], False: []}
            for phrase in made.phrases:
                inside = (place >= phrase.first + 0.5) & (place < phrase.end - phrase.hold - 0.5)
                means[part in phrase.carriers] += speed[inside].tolist()
            if all(means.values()):
                ratios[part].append(np.mean(means[True]) / np.mean(means[False]))
    assert {part: round(float(np.median(r)), 2) for part, r in ratios.items() if np.median(r) > 0.8} == {}


@pytest.mark.parametrize("rate", [1.0, 2.0])
def test_each_group_hits_at_its_place_in_the_beat(dances, rate):
    """Measured on the poses: how fast a carrying part gets farther from its rest, over the beat."""
    bins = 40
    totals = {group: np.zeros(bins) for group in CENTRES[rate]}
    for made, clock, strength in dances:
        joints = made.motion.joints
        fast = joints - lowpass(joints, 60, 1.2, 2)
        place = clock.position(np.arange(len(joints)) / 60)
        for part, members in PARTS.items():
            speed = np.linalg.norm(np.gradient(fast[:, list(members)[-1]], axis=0), axis=-1) ** 2
            for phrase in made.phrases:
                if part in phrase.carriers and phrase.rate == rate:
                    inside = (place >= phrase.first) & (place < phrase.end - phrase.hold)
                    centre = spread(strength) * CENTRES[rate][GROUPS[part]]
                    cells = np.floor((place[inside] - centre) * bins).astype(int) % bins
                    np.add.at(totals[GROUPS[part]], cells, speed[inside])
    for group, total in totals.items():
        smooth = np.convolve(np.tile(total, 3), np.hanning(9), "same")[bins : 2 * bins]
        peak = (np.argmax(smooth) + 0.5) / bins
        assert (peak + 0.5) % 1 - 0.5 == pytest.approx(0, abs=0.12), group
        assert smooth.max() > 1.5 * smooth.mean()


def test_no_part_carries_the_beat_all_the_time(dances):
    for made, _, _ in dances:
        for before, after in zip(made.phrases, made.phrases[1:], strict=False):
            assert set(after.carriers) - set(before.carriers)


def test_the_share_of_beats_with_an_accent_grows_with_the_strength(dances):
    shares = []
    for made, clock, strength in dances:
        first, last = made.phrases[1].first, made.phrases[-2].end
        due = [b for p in made.phrases[1:-1] if p.rate >= 1 for b in range(p.first, p.end - p.hold)]
        places = {}
        for part, hits in made.hits.items():
            for hit in hits:
                phrase = made.phrases[hit.phrase]
                if part in phrase.carriers and phrase.rate >= 1:
                    at = float(clock.position(hit.time)) - spread(strength) * CENTRES[phrase.rate][GROUPS[part]]
                    if abs(at - round(at)) < 0.2 and first <= round(at) < last:
                        places[round(at)] = True
        shares.append((strength, np.mean([beat in places for beat in due]) if due else np.nan))
    weak = np.nanmean([share for strength, share in shares if strength < 0.5])
    strong = np.nanmean([share for strength, share in shares if strength >= 0.5])
    assert 0.85 < weak < min(strong, 0.995) and strong > 0.95  # also weak dances leave only some beats out


def test_dancers_are_early_or_late():
    offsets = []
    for seed in range(60):
        clock = Clock(100.0, 0.3)
        made = choreographed("pop", seed, clock, strength=0.0)
        late = [
            hit.time - float(clock.time(np.round(place) + CENTRES[1.0][GROUPS[part]]))
            for part, hits in made.hits.items()
            for hit in hits
            if part in made.phrases[hit.phrase].carriers and made.phrases[hit.phrase].rate == 1
            for place in [clock.position(hit.time) - CENTRES[1.0][GROUPS[part]]]
        ]
        offsets.append(np.median(late) if late else np.nan)
    assert 0.015 < np.nanstd(offsets) < 0.035 and np.nanmax(np.abs(offsets)) <= 0.075


def test_intensity_follows_the_measured_motion(dances):
    slow, fast = [], []
    for made, clock, _ in dances:
        beats = made.intensity.first + np.arange(len(made.intensity.slow))
        place = clock.position(np.arange(len(made.motion.joints)) / 60)
        for kind, energy, out in zip(
            ("slow", "fast"), energies(made.motion.joints, 60, ENERGY), (slow, fast), strict=True
        ):
            curve = np.sqrt(energy).sum(axis=1)
            means = np.array([curve[(place >= beat) & (place < beat + 1)].mean() for beat in beats])
            out.append(np.corrcoef(means, getattr(made.intensity, kind))[0, 1])
        held = [beat for phrase in made.phrases for beat in range(phrase.end - phrase.hold, phrase.end)]
        assert np.array_equal(made.intensity.hold, np.isin(beats, held))
        assert made.intensity.slow.min() >= 0 and made.intensity.slow.max() <= 1
        assert made.intensity.at(-1000)[0] == made.intensity.slow[0]
    assert np.mean(slow) > 0.8 and np.mean(fast) > 0.8


def test_dancers_travel_and_turn(dances):
    paths = [np.ptp(made.motion.joints[:, 0, [0, 2]], axis=0).max() for made, _, _ in dances]
    assert np.mean(np.array(paths) > 0.4) > 0.2
    facing = [np.arctan2(made.motion.pelvis[:, 0, 2], made.motion.pelvis[:, 2, 2]) for made, _, _ in dances]
    away = [np.ptp(np.unwrap(yaw)) > np.radians(90) for yaw in facing]
    assert 0.03 < np.mean(away) < 0.5


def test_moved_turns_about_the_pelvis():
    motion = dance("pop", seconds=1.0)
    quarter, path = np.full(30, np.pi / 2), np.tile([1.0, 0.0, 2.0], (30, 1))
    turned = moved(motion, quarter, path)
    np.testing.assert_allclose(turned.joints[:, 0], motion.joints[:, 0] + path)
    np.testing.assert_allclose(turned.pelvis[:, [0, 2], 2], motion.pelvis[:, [2, 0], 2] * (1, -1), atol=1e-12)
    before, after = (m.joints[:, 13] - m.joints[:, 0] for m in (motion, turned))
    np.testing.assert_allclose(after, np.stack([before[:, 2], before[:, 1], -before[:, 0]], axis=1), atol=1e-12)


def test_styles_differ_as_they_should():
    def dancers(style):
        return [dance(style, seed) for seed in range(12)]

    def lift(style):
        return np.mean([np.percentile(made.joints[:, [3, 6], 1] - made.body.ankle, 98) for made in dancers(style)])

    def drop(style):
        return np.mean([np.ptp(np.percentile(made.joints[:, 0, 1], [2, 98])) for made in dancers(style)])

    def speed(style, joints):
        tracks = np.stack([made.joints[:, joints] for made in dancers(style)])
        fast = tracks - np.stack([lowpass(track, FPS, 1.2, 2) for track in tracks])
        return np.percentile(np.linalg.norm(np.diff(fast, axis=1), axis=-1), 95)

    wrists = [13, 16]
    assert lift("krump") > 1.3 * lift("waack")
    assert speed("waack", wrists) > speed("ballet_jazz", wrists)
    assert drop("krump") > 1.2 * drop("pop")


def test_the_hits_follow_the_clock():
    """With the first beat 0.2 s later, the same seed gives the same hits 0.2 s later."""
    early, late = (choreographed("lock", 3, Clock(100.0, first)).hits for first in (0.1, 0.3))
    for part in PARTS:
        times = [np.array([hit.time for hit in made[part]]) for made in (early, late)]
        np.testing.assert_allclose(times[1] - times[0], 0.2, atol=1e-9)


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
