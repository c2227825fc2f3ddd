"""presets/ablations.yaml, and how names become runs."""

import copy
from types import SimpleNamespace

import pytest
from helpers.projects import ROOT, overridden

from pace.ablation import command, variants
from pace.conditioning import hsf_encoder
from pace.pipeline import params
from pace.report import published
from pace.setup.check import check

CONTENT = params.read(ROOT / "presets/ablations.yaml")
CATALOGUE = variants.parse(CONTENT, "ablations.yaml")
DEFAULT = params.read(ROOT / "params.yaml")


def changed(run):
    content = copy.deepcopy(DEFAULT)
    for key, value in run.overrides.items():
        section, name = key.split(".")
        assert name in content[section], key
        content[section][name] = value
    return content


@pytest.mark.parametrize("name", CATALOGUE.variants)
def test_every_variant_names_known_keys_and_its_values_load_in_every_stage(name):
    content = changed(CATALOGUE.run(name, 1, "val"))
    check(content)
    assert not list(hsf_encoder.contradictions(params.section(content, "encoder", hsf_encoder.EncoderParams)))
    assert content["sample"]["seed"] == content["train_diffusion"]["seed"] == 1
    assert content["sample"]["split"] == "val"


@pytest.mark.parametrize("group", CATALOGUE.groups.values(), ids=lambda group: group.name)
def test_variants_of_a_group_differ_at_the_default_parameters(group):
    contents = [changed(CATALOGUE.run(name, 0, group.split)) for name in group.variants]
    assert all(one not in contents[:place] for place, one in enumerate(contents))


def test_table_2_and_the_further_variants_are_what_the_paper_calls_them():
    expected = {
        "PACE": {"motion": True, "visual": True, "branches": "both", "fusion": "gate"},
        "PACE-G": {"motion": False, "visual": True},
        "PACE-H": {"motion": True, "visual": False, "branches": "both"},
        "PACE-Slow-G": {"branches": "slow", "visual": True, "motion": True},
        "PACE-Fast-G": {"branches": "fast", "visual": True, "motion": True},
        "PACE-concat": {"fusion": "concat", "branches": "both", "visual": True},
    }
    for group, align in (("table2", True), ("table2-printed", False)):
        rows = {CATALOGUE.variants[name].paper: name for name in CATALOGUE.groups[group].variants}
        assert list(rows) == list(expected)
        for row, name in rows.items():
            encoder = changed(CATALOGUE.run(name, 0, "test"))["encoder"]
            assert expected[row].items() <= encoder.items()
            assert (encoder["align"], encoder["pooling"]) == (align, "mean")
    wanted = {
        "holistic": {"parts": "whole"},
        "no-gate": {"part_gate": False},
        "residual": {"residual": True},
        "energies-only": {"semantic": False, "energies": True, "branches": "both", "parts": "five", "motion": True},
        "energies-only-slow": {"semantic": False, "branches": "slow"},
        "energies-only-fast": {"semantic": False, "branches": "fast"},
        "energies-only-concat": {"semantic": False, "fusion": "concat"},
        "energies-only-whole": {"semantic": False, "parts": "whole"},
        "energies-only-no-gate": {"semantic": False, "part_gate": False},
        "embedding-only": {"semantic": True, "energies": False, "branches": "both", "parts": "five", "motion": True},
        "unconditional": {"motion": False, "visual": False, "align": False},
    }
    for name, settings in wanted.items():
        assert settings.items() <= changed(CATALOGUE.run(name, 0, "test"))["encoder"].items()


@pytest.mark.parametrize(
    ("name", "changes", "reference"),
    [
        ("parts", {"residual": "residual", "holistic": "parts", "energies-only": "semantic", "no-gate": "part_gate",
                   "embedding-only": "energies", "pace-slow-g": "branches", "pace-fast-g": "branches",
                   "pace-concat": "fusion"}, "pace"),
        ("energies", {"energies-only-slow": "branches", "energies-only-fast": "branches",
                      "energies-only-concat": "fusion", "energies-only-whole": "parts",
                      "energies-only-no-gate": "part_gate"}, "energies-only"),
        ("whole-body", {"holistic-residual": "parts"}, "residual"),
    ],
)  # fmt: skip
def test_a_group_changes_one_thing_in_its_reference(name, changes, reference):
    group = CATALOGUE.groups[name]
    assert group.reference == reference
    whole = changed(CATALOGUE.run(reference, 0, "test"))["encoder"]
    for variant, key in changes.items():
        encoder = changed(CATALOGUE.run(variant, 0, "test"))["encoder"]
        assert variant in group.variants and [name for name in encoder if encoder[name] != whole[name]] == [key]


def test_choices_are_made_on_validation_with_three_seeds_and_tables_on_test():
    for name, group in CATALOGUE.groups.items():
        assert (group.split, len(group.seeds)) == (("test", 1) if name in CATALOGUE.default else ("val", 3)), name


def test_rows_of_the_paper_are_found_but_for_concat():
    printed = {row.method for row in published.read() if "2" in row.table}
    named = {variant.paper for variant in CATALOGUE.variants.values() if variant.paper}
    assert named - printed == {"PACE-concat"}
    assert printed - named == set()


def test_names_choose_groups_and_variants_with_their_reference():
    assert [group.name for group in CATALOGUE.choose()] == list(CATALOGUE.default)
    assert CATALOGUE.default == ("table2", "table2-printed", "parts", "energies", "whole-body")
    (only,) = CATALOGUE.choose(["pace-h", "pace-g"], seeds=(3, 4), split="val")
    assert (only.name, only.variants, only.seeds, only.split) == ("table2", ("pace", "pace-h", "pace-g"), (3, 4), "val")
    both = CATALOGUE.choose(["table2", "parts"])
    runs = CATALOGUE.runs(both)
    assert len(runs) == len({run.key for run in runs}) == 6 + 12 - 4  # pace, slow, fast, concat are in both
    with pytest.raises(ValueError, match=r"no variant or group 'pace-x'; groups: table2, .*variants: pace, "):
        CATALOGUE.choose(["pace-x"])


@pytest.mark.parametrize("value", [[False, True], True, 1.5, None, "true", "1e-5", "it's", "a,b", "x=y", "my videos"])
def test_values_reach_dvc_as_they_are(value, tmp_path):
    (tmp_path / "params.yaml").write_text("a: {b: 0}\n")
    run = variants.Run("name", 0, "val", {"a.b": value})
    _, _, *arguments = command.command("name-s0", run, SimpleNamespace(target="evaluate"), [])
    assert overridden(tmp_path / "params.yaml", arguments[2:]) == {"a": {"b": value}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c["variants"]["pace"].pop("about"), r"x.yaml: variant `pace`: .*missing keys \['about'\]"),
        (lambda c: c["variants"]["pace"].update(sharks=1), r"variant `pace`: unknown keys \['sharks'\]"),
        (lambda c: c["groups"]["parts"].update(variants=["pace", "nemo"]), "group `parts`: .*unknown: nemo"),
        (lambda c: c["groups"]["ema"].update(seeds=[]), "group `ema`: needs seeds"),
        (lambda c: c["variants"].update(lost=c["variants"]["pace"]), r"variants in no group: \['lost'\]"),
        (lambda c: c.update(default=["table3"]), r"default: \['table3'\]"),
    ],
)
def test_a_wrong_catalogue_is_named(change, message):
    content = copy.deepcopy(CONTENT)
    change(content)
    with pytest.raises(ValueError, match=message):
        variants.parse(content, "x.yaml")


def test_commands(monkeypatch, capsys):
    from pace.__main__ import main

    monkeypatch.chdir(ROOT)
    main(["ablate", "--list"])
    listed = capsys.readouterr().out
    assert all(name in listed for name in (*CATALOGUE.groups, *CATALOGUE.variants))
    with pytest.raises(SystemExit, match=r"no preset 'ablations'; presets: .*tiny"):
        main(["preset", "ablations"])
    with pytest.raises(SystemExit, match="no variant or group 'nemo'"):
        main(["ablate", "nemo"])
