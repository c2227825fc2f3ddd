"""Listening tests: files, means, intervals and agreement with known answers."""

import math

import numpy as np
import pytest
from scipy import stats

from pace.__main__ import main
from pace.scoring.opinion_scores import Rating, alpha, mean, proportion, read, summarise, text

HEAD = "rater,clip,system,ovl,rel,turing\n"
NONE = None


def units(*coders):
    """Ratings by unit of coders' rows with None where nothing was said."""
    return [[value for value in unit if value is not None] for unit in zip(*coders, strict=True)]


# Krippendorff's data "C": four coders, twelve units.
FOUR = units(
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NONE, NONE, NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NONE, 3],
    [NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NONE],
)
# Three coders, fifteen units, of which some cannot be paired.
THREE = units(
    [NONE] * 5 + [3, 4, 1, 2, 1, 1, 3, 3, NONE, 3],
    [1, NONE, 2, 1, 3, 3, 4, 3] + [NONE] * 7,
    [NONE, NONE, 2, 1, 3, 4, 4, NONE, 2, 1, 1, 3, 3, NONE, 4],
)


def test_alpha_of_krippendorffs_examples():
    assert alpha(FOUR) == pytest.approx(0.849, abs=5e-4)
    assert alpha(THREE) == pytest.approx(0.811, abs=5e-4)


def test_alpha_is_the_definition_over_pairs():
    rng = np.random.default_rng(0)
    made = [list(rng.integers(1, 6, rng.integers(1, 6))) for _ in range(30)]
    pairable = [unit for unit in made if len(unit) > 1]
    every = [value for unit in pairable for value in unit]
    observed = sum(sum((a - b) ** 2 for a in unit for b in unit) / (len(unit) - 1) for unit in pairable) / len(every)
    expected = sum((a - b) ** 2 for a in every for b in every) / len(every) / (len(every) - 1)
    assert alpha(made) == pytest.approx(1 - observed / expected)


def test_alpha_of_answers_is_the_nominal_one():
    """Two coders who differ on 4 of ten units: 8 of 20 paired values differ, 14 are 0 and 6 are 1.

    Nominal alpha = 1 - 19 * 8 / (2 * 14 * 6) = 0.095.
    """
    first, second = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(units(first, second)) == pytest.approx(1 - 19 * 8 / (2 * 14 * 6), abs=1e-9)


def test_alpha_of_full_agreement_chance_and_nothing():
    assert alpha([[1, 1], [5, 5, 5], [3, 3]]) == 1.0
    rng = np.random.default_rng(0)
    assert abs(alpha(rng.integers(1, 6, (4000, 3)))) < 0.03
    assert alpha([[1, 5], [5, 1]]) < 0
    for nothing in ([], [[3]], [[3, 3], [3, 3]]):
        assert math.isnan(alpha(nothing))


def crossed(table):
    """Ratings (raters, clips) as values and the names of their raters and clips."""
    raters, clips = np.indices(table.shape)
    return table.ravel(), [f"r{i}" for i in raters.ravel()], [f"c{i}" for i in clips.ravel()]


def test_interval_of_ratings_that_differ_by_rater_alone_is_that_of_the_raters():
    """Each rater gives one mark to all clips: as good as one rating each, and the t interval of those is right."""
    marks = np.array([2.0, 3.0, 5.0, 4.0])
    found = mean(*crossed(np.repeat(marks[:, None], 6, axis=1)))
    low, high = stats.t.interval(0.95, 3, marks.mean(), stats.sem(marks))
    assert found.mean == 3.5 and (found.n, found.raters, found.clips) == (24, 4, 6)
    # Clips differ by nothing, so the clustering by rater less the plain part remains, never less than the former.
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-9)


def coverage(interval, rater_sd, clip_sd, noise_sd, trials=300):
    """Share of trials whose interval holds the true mean 3, with ten raters and twelve clips."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(trials):
        effects = rng.normal(0, rater_sd, (10, 1)) + rng.normal(0, clip_sd, (1, 12)) + rng.normal(0, noise_sd, (10, 12))
        low, high = interval(3 + effects)
        held += low <= 3 <= high
    return held / trials


@pytest.mark.parametrize("spread", [(0.6, 0.1, 0.5), (0.1, 0.6, 0.5), (0.5, 0.5, 0.7)])
def test_intervals_hold_for_other_raters_and_clips(spread):
    def clustered(table):
        found = mean(*crossed(table))
        return found.low, found.high

    def naive(table):
        return stats.t.interval(0.95, table.size - 1, table.mean(), stats.sem(table.ravel()))

    assert 0.90 < coverage(clustered, *spread) <= 0.99
    assert coverage(naive, *spread) < 0.70


def test_interval_of_one_rater_or_clip_is_unknown():
    for shape in ((1, 5), (5, 1)):
        found = mean(*crossed(np.arange(5.0).reshape(shape)))
        assert found.mean == 2.0 and math.isnan(found.low) and math.isnan(found.high)
        assert math.isnan(proportion(*crossed(np.ones(shape))).low)


def test_share_taken_for_real_has_wilsons_interval():
    """All alike: as many answers as raters or clips, whichever is fewer."""
    found = proportion(*crossed(np.ones((8, 20))))
    exact = stats.binomtest(8, 8).proportion_ci(0.95, method="wilson")
    assert (found.mean, found.low, found.high) == pytest.approx((1.0, exact.low, exact.high))
    rng = np.random.default_rng(0)
    independent = proportion(*crossed((rng.random((40, 40)) < 0.3).astype(float)))
    wilson = stats.binomtest(round(independent.mean * 1600), 1600).proportion_ci(0.95, method="wilson")
    assert independent.high - independent.low == pytest.approx(wilson.high - wilson.low, rel=0.5)
    split = np.repeat(np.array([[1.0], [0.0], [1.0], [0.0]]), 50, axis=1)  # four raters who always say the same
    assert proportion(*crossed(split)).high - proportion(*crossed(split)).low > 0.6


def test_summary_of_a_file(tmp_path):
    (tmp_path / "a.csv").write_text(
        "\ufeff" + HEAD + "ann,c1,pace,4,5,real\nann,c2,pace,5,4,fake\nbob,c1,pace,3,,real\nbob,c2,pace,4,3, FAKE \n"
        "ann,c1,loris,2,2,fake\nbob,c1,loris,2,,\n",
        encoding="utf-8",
    )
    ratings, problems = read([tmp_path / "a.csv"])
    assert problems == [] and len(ratings) == 6
    assert ratings[2] == Rating("bob", "c1", "pace", 3.0, None, 1.0)
    found = summarise(ratings)
    assert list(found.systems) == ["loris", "pace"]
    pace = found.systems["pace"]
    assert (pace["ovl"].mean, pace["rel"].mean, pace["turing"].mean) == (4.0, 4.0, 0.5)
    assert (pace["ovl"].n, pace["rel"].n, pace["ovl"].raters, pace["ovl"].clips) == (4, 3, 2, 2)
    assert 1 <= pace["ovl"].low < 4 < pace["ovl"].high <= 5
    assert math.isnan(found.systems["loris"]["ovl"].low)  # one clip
    assert found.agreement["ovl"] == alpha([[4, 3], [5, 4], [2, 2]])
    assert found.agreement["turing"] == 1.0
    assert text(found).splitlines()[0].split() == ["system", "ovl", "rel", "turing"]
    assert "4.00 [1.00, 5.00] n=4" in text(found)


def test_order_of_ratings_does_not_matter():
    rng = np.random.default_rng(0)
    ratings = [
        Rating(f"r{r}", f"c{c}", s, float(rng.integers(1, 6)), float(rng.integers(1, 6)), float(rng.integers(2)))
        for r in range(4) for c in range(5) for s in ("a", "b")
    ]  # fmt: skip
    first, second = summarise(ratings), summarise([ratings[i] for i in rng.permutation(len(ratings))])
    assert first.agreement == pytest.approx(second.agreement)
    for system, scores in first.systems.items():
        for score, one in scores.items():
            other = second.systems[system][score]
            assert (one.mean, one.low, one.high) == pytest.approx((other.mean, other.low, other.high))


def test_bad_rows_are_named_and_the_others_kept(tmp_path):
    path = tmp_path / "r.csv"
    rows = [
        "ann,c1,pace,6,3,real", "ann,c2,pace,good,3,", "ann,c3,pace,3,0.5,", "ann,c4,pace,3,3,maybe", ",c5,pace,3,3,",
        "ann,c6,pace,,,", "ann,c7,pace,3,3,real", "ann,c7,pace,4,3,real", "ann,c8,pace,3,3,real,more", "ann,c9,,3,3,",
        "ann,c0,pace,nan,3,",
    ]  # fmt: skip
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    ratings, problems = read([path])
    assert [rating.clip for rating in ratings] == ["c7"]
    expected = [
        "2: ovl is 6, not on the scale of 1 to 5", "3: ovl is 'good', not a number",
        "4: rel is 0.5, not on the scale of 1 to 5", "5: turing is 'maybe', neither real nor fake", "6: no rater",
        "7: no rating in it", "9: ann has rated clip c7 of pace before", "10: more cells than columns", "11: no system",
        "12: ovl is nan, not on the scale of 1 to 5",
    ]  # fmt: skip
    assert problems == [f"{path}:{line}; the row is left out" for line in expected]


def test_scales(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "ann,c1,pace,55,100,\nbob,c1,pace,1,70.5,\n", encoding="utf-8")
    ratings, problems = read([path], 100)
    assert len(ratings) == 2 and not problems
    assert len(read([path], 5)[0]) == 0
    path.write_text(HEAD + "ann,c1,pace,5,4,\n", encoding="utf-8")
    assert "was it 1 to 5?" in read([path], 100)[1][0]
    with pytest.raises(ValueError, match="scale 10; ratings are on a scale of 1 to 5 or 1 to 100"):
        read([path], 10)


def test_missing_columns_are_named(tmp_path):
    path = tmp_path / "r.csv"
    for content in ("rater,clip,ovl\na,b,3\n", "rater,clip,system\na,b,c\n", ""):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(ValueError, match=r"r\.csv: its columns are .*; needed are rater, clip, system and"):
            read([path])
    path.write_text("rater,clip,system,ovl\na,b,c,3\n", encoding="utf-8")
    assert read([path]) == ([Rating("a", "b", "c", 3.0)], [])


def test_command(tmp_path, capsys):
    path = tmp_path / "r.csv"
    path.write_text(HEAD + "ann,c1,pace,4,5,real\nbob,c1,pace,9,5,real\n", encoding="utf-8")
    main(["listening", str(path)])
    out = capsys.readouterr()
    assert "pace" in out.out and "r.csv:3: ovl is 9" in out.err
    path.write_text(HEAD, encoding="utf-8")
    with pytest.raises(SystemExit, match="no rating in"):
        main(["listening", str(path)])


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone.csv", "gone.csv: No such file or directory"), ("latin.csv", "latin.csv: not text in UTF-8; save the")],
)
def test_a_file_that_cannot_be_read_is_named_in_one_line(tmp_path, name, message):
    (tmp_path / "latin.csv").write_bytes((HEAD + "zoé,c1,pace,4,5,real\n").encode("latin-1"))
    with pytest.raises(SystemExit) as error:
        main(["listening", str(tmp_path / name)])
    assert str(error.value).startswith(f"python -m pace listening: {tmp_path / message}")
