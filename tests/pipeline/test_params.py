"""The parameter loader: what it accepts, and that each refusal names the key and the remedy."""

import dataclasses

import pytest

from pace.pipeline import params
from pace.pipeline.params import ParamsError, choice, limits


@dataclasses.dataclass(frozen=True)
class Encoder:
    width: int
    lr: float = limits(0.0, 1.0)
    heads: int = choice(2, 4, 8)
    align: bool = choice(True, False)
    fusion: str = choice("gate", "concat")
    channels: tuple[int, ...] = limits(1)
    weights: str | None


GOOD = {"width": 64, "lr": 0.001, "heads": 4, "align": True, "fusion": "gate", "channels": [8, 16], "weights": None}


def built(partial=False, **changes):
    return params.section({"encoder": {**GOOD, **changes}}, "encoder", Encoder, partial)


def refused(**changes) -> str:
    with pytest.raises(ParamsError) as error:
        built(**changes)
    return str(error.value)


def test_a_right_section():
    assert built() == Encoder(64, 0.001, 4, True, "gate", (8, 16), None)


def test_an_int_serves_as_a_float_and_becomes_one():
    value = built(lr=1).lr
    assert value == 1.0
    assert type(value) is float


def test_unknown_key_lists_the_known_ones():
    message = refused(colour=3)
    assert message.startswith("unknown key `encoder.colour`")
    assert "Known keys: width, lr, heads, align, fusion, channels, weights" in message
    assert "did you mean" not in message


def test_misspelt_key_names_the_right_one():
    values = {key: value for key, value in GOOD.items() if key != "heads"}
    with pytest.raises(ParamsError, match=r"unknown key `encoder.haeds`: did you mean `encoder.heads`\?"):
        params.section({"encoder": {**values, "haeds": 4}}, "encoder", Encoder)


def test_missing_key_is_named_and_in_a_partial_section_its_misspelling_too():
    values = {key: value for key, value in GOOD.items() if key != "heads"}
    with pytest.raises(ParamsError, match=r"key `encoder.heads` is missing$"):
        params.section({"encoder": values}, "encoder", Encoder)
    with pytest.raises(ParamsError, match=r"key `encoder.heads` is missing; did you misspell it as `encoder.haeds`\?"):
        params.section({"encoder": {**values, "haeds": 4}}, "encoder", Encoder, partial=True)


def test_a_partial_section_may_hold_the_keys_of_others():
    assert built(partial=True, colour=3) == built()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"width": "wide"}, "`encoder.width` is 'wide' (str); expected a whole number"),
        ({"width": 64.0}, "`encoder.width` is 64.0 (float); expected a whole number"),
        ({"width": True}, "`encoder.width` is True (bool); expected a whole number"),
        ({"width": None}, "`encoder.width` is None (NoneType); expected a whole number"),
        ({"lr": "3e-5x"}, "`encoder.lr` is '3e-5x' (str); expected a number"),
        ({"lr": False}, "`encoder.lr` is False (bool); expected a number"),
        ({"align": 1}, "`encoder.align` is 1 (int); expected true or false"),
        ({"fusion": 1}, "`encoder.fusion` is 1 (int); expected text"),
        ({"weights": 5}, "`encoder.weights` is 5 (int); expected text"),
        ({"channels": 8}, "`encoder.channels` is 8; expected a list such as [1, 2]"),
        ({"channels": [8, "x"]}, "`encoder.channels[1]` is 'x' (str); expected a whole number"),
    ],
)
def test_wrong_types(change, message):
    assert refused(**change) == message


def test_choices_and_limits():
    assert refused(heads=3) == "`encoder.heads` is 3; allowed values: 2, 4, 8"
    assert refused(fusion="sum") == "`encoder.fusion` is 'sum'; allowed values: gate, concat"
    assert refused(lr=1.5) == "`encoder.lr` is 1.5; allowed range: 0 to 1"
    assert refused(lr=-1) == "`encoder.lr` is -1.0; allowed range: 0 to 1"
    assert refused(channels=[8, 0]) == "`encoder.channels` is 0; allowed range: 1 to inf"
    assert built(lr=0).lr == 0.0
    assert built(lr=1).lr == 1.0


def test_not_a_number_is_outside_every_range():
    assert "allowed range" in refused(lr=float("nan"))


def test_missing_section():
    with pytest.raises(ParamsError, match=r"section `encoder` is missing; did you misspell it as `encoders`\?"):
        params.section({"encoders": GOOD}, "encoder", Encoder)
    with pytest.raises(ParamsError, match=r"section `encoder` is missing$"):
        params.section({"mel": GOOD}, "encoder", Encoder)
    with pytest.raises(ParamsError, match=r"section `encoder` is missing"):
        params.section({"encoder": 4}, "encoder", Encoder)


def test_files_are_yaml_1_2(tmp_path):
    """`dvc exp run -S encoder.lr=3e-5` writes 3e-05, which YAML 1.1 takes for text; and there `no` is not false."""
    path = tmp_path / "params.yaml"
    path.write_text(
        "encoder: {width: 64, lr: 3e-05, heads: 4, align: true, fusion: gate, channels: [8], weights: no}\n"
        "other: {anything: at all}\n"
    )
    encoder = params.load({"encoder": Encoder}, path)["encoder"]
    assert encoder.lr == 3e-5
    assert encoder.weights == "no"


def test_load_takes_partial_sections_by_name(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text(f"encoder: {GOOD | {'extra': 1, 'align': 'x'}}\n".replace("None", "null").replace("'x'", "true"))
    assert params.load({"encoder": Encoder}, path, partial=("encoder",))["encoder"].width == 64
    with pytest.raises(ParamsError, match=r"unknown key `encoder.extra`"):
        params.load({"encoder": Encoder}, path)


def test_unreadable_files(tmp_path):
    with pytest.raises(ParamsError, match=r"nowhere.yaml: no such file; run the command from the project's root"):
        params.read(tmp_path / "nowhere.yaml")
    path = tmp_path / "params.yaml"
    path.write_text("encoder: [1, 2\n")
    with pytest.raises(ParamsError, match=r"params.yaml: not valid YAML"):
        params.read(path)
    path.write_text("- 1\n- 2\n")
    with pytest.raises(ParamsError, match="expected sections of keys, found list"):
        params.read(path)
