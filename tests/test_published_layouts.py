"""Each network against the published files: every key and shape, every layout they come in, and what is refused."""

import pytest
import torch
from helpers import layouts

from pace.autoencoder_training.perceptual import Lpips, load_lpips
from pace.motion import dstformer
from pace.visual import i3d
from pace.weights import WeightsError

LITE, FULL = layouts.dstformer(256, 4), layouts.dstformer(512, 2)

# sha256 of the sorted keys and shapes, parameters, tensors: of what FACTS lists and of what the classes have.
DIGESTS = {
    "full": ("514012671649b2e4d25bf98cade0c28d68fe7ab2a7394f3376b2e4f82d8e6a6d", 42_466_317, 260),
    "lite": ("90e00edd92ccb1cbbc756a13ffd3421e3812ea85715e326d5a2b0ab2f16e93da", 16_001_549, 260),
    "i3d": ("d2c3073eb7cfd378613d729053ba561d0ec262e3172cc15b1031739cf7b73bb9", 12_697_264, 287),
    "vgg16 features": ("4d95f0b54da924b492ae3015422fa905542c3ab0e75c7a0c86c910f712815573", 14_714_688, 26),
}


def features(layout: dict) -> dict:
    return {key: shape for key, shape in layout.items() if key.startswith("features.")}


def network(name: str) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        if name in dstformer.VARIANTS:
            return dstformer.DSTformer(**dstformer.VARIANTS[name]).state_dict()
        if name == "i3d":
            return i3d.I3D().state_dict()
        return {f"features.{key}": value for key, value in Lpips().features.state_dict().items()}


@pytest.mark.parametrize("name", DIGESTS)
def test_keys_and_shapes_are_the_published_ones(name):
    wanted, parameters, count = DIGESTS[name]
    facts = {"full": FULL, "lite": LITE, "i3d": layouts.i3d(), "vgg16 features": features(layouts.vgg16())}[name]
    own = {key: value for key, value in network(name).items() if not key.endswith("num_batches_tracked")}
    assert layouts.digest(facts) == wanted
    assert layouts.digest(own) == wanted
    assert len(own) == count
    assert sum(value.numel() for key, value in own.items() if "running_" not in key) == parameters


def test_whole_vgg16_and_the_heads():
    vgg, heads = layouts.vgg16(), layouts.lpips_heads()
    assert (len(vgg), layouts.elements(vgg)) == (32, 138_357_544)
    assert layouts.digest(vgg) == "32c9f6d73e86d14dabe7f2cfa56af94ba807366dbb7baa4781fc190526a9cf2a"
    assert [tuple(head.shape) for head in Lpips().heads] == list(heads.values())
    assert layouts.digest(heads) == "11d7a746c847643a379311335e2041b9ec93aec4ddeb02f1a88c7f1031506a17"


def with_prefix(layout: dict, prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + key: value for key, value in layouts.flat(layout).items()}


OPTIMIZER = {"state": {0: {"step": 5, "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
MOTIONBERT = {
    "fine-tuned": lambda layout: {
        "epoch": 60,
        "lr": 0.0002,
        "optimizer": OPTIMIZER,
        "model_pos": with_prefix(layout, "module."),
        "min_loss": 37.2,
    },
    "pretrained": lambda layout: {"model_pos": with_prefix(layout, "module.")},
    "bare": lambda layout: with_prefix(layout, ""),
    "mesh": lambda layout: {
        "epoch": 20,
        "optimizer": OPTIMIZER,
        "model": with_prefix(layout, "module.backbone.")
        | {"module.head.mlp_pose.weight": torch.ones(3, 3), "module.head.smpl.J_regressor": torch.ones(2)},
    },
    "action": lambda layout: {
        "epoch": 20,
        "model": with_prefix(layout, "backbone.") | {"head.fc1.weight": torch.ones(3, 3)},
        "best_acc": 97.2,
    },
}


@pytest.mark.long
@pytest.mark.parametrize("kind", MOTIONBERT)
@pytest.mark.parametrize(("variant", "layout"), [("lite", LITE), ("full", FULL)])
def test_every_layout_of_motionbert_loads(tmp_path, kind, variant, layout):
    path = tmp_path / "epoch.bin"
    torch.save(MOTIONBERT[kind](layout), path)
    for asked in (variant, "auto"):
        model = dstformer.load(path, asked)
        assert sum(p.numel() for p in model.parameters()) == layouts.elements(layout)
    assert all((value == 0.5).all() and not value.is_meta for value in model.state_dict().values())
    assert not model.training and not any(p.requires_grad for p in model.parameters())


def test_old_container_of_motionbert_loads(tmp_path):
    torch.save(MOTIONBERT["fine-tuned"](LITE), tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert dstformer.load(tmp_path / "old.bin", "lite").maxlen == 243


@pytest.mark.parametrize(("content", "asked"), [("lite", "full"), ("full", "lite")])
def test_the_wrong_variant_is_named(tmp_path, content, asked):
    path = tmp_path / "latest_epoch.bin"
    torch.save(MOTIONBERT["pretrained"]({"lite": LITE, "full": FULL}[content]), path)
    with pytest.raises(WeightsError, match=rf"latest_epoch\.bin: holds the {content} network .*not the {asked} one"):
        dstformer.load(path, asked)


def test_a_shorter_network_is_not_the_lite_one(tmp_path):
    layout = {key: shape for key, shape in LITE.items() if ".4." not in key}
    torch.save(layouts.flat(layout), tmp_path / "four.bin")
    assert len(dstformer.load(tmp_path / "four.bin").blocks_st) == 4
    with pytest.raises(WeightsError, match=r"other sizes than MotionBERT's .*depth 4.*not the lite one"):
        dstformer.load(tmp_path / "four.bin", "lite")


def test_released_i3d_loads_without_counters(tmp_path):
    for name, old in (("rgb_imagenet.pt", True), ("new.pt", False)):
        torch.save(layouts.flat(layouts.i3d()), tmp_path / name, _use_new_zipfile_serialization=not old)
        model = i3d.load(tmp_path / name)
        assert (model.dim, model.width, model.logits.conv3d.out_channels) == (1024, 1.0, 400)
        assert len(model.state_dict()) == 344
        assert (model.Mixed_5c.b3b.bn.running_var == 0.5).all()


def test_flow_i3d_is_refused(tmp_path):
    torch.save(layouts.flat(layouts.i3d(inputs=2)), tmp_path / "flow_imagenet.pt")
    with pytest.raises(WeightsError, match=r"flow_imagenet\.pt.*optical flow.*\(64, 2, 7, 7, 7\), expected \(64, 3"):
        i3d.load(tmp_path / "flow_imagenet.pt")


def test_vgg16_and_heads_load_as_torchvision_and_lpips_publish_them(tmp_path):
    torch.save(layouts.flat(layouts.vgg16()), tmp_path / "vgg16-397923af.pth")
    torch.save(layouts.flat(layouts.lpips_heads(), 0.25), tmp_path / "vgg.pth", _use_new_zipfile_serialization=False)
    model = load_lpips(tmp_path)
    assert sum(p.numel() for p in model.features.parameters()) == 14_714_688
    assert all((p == 0.5).all() for p in model.features.parameters())
    assert all((head == 0.25).all() for head in model.heads)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("alex.pth", lambda heads, vgg: heads.update({"lin1.model.1.weight": (1, 192, 1, 1)}), r"lin1.*\(1, 192, 1"),
        ("alex.pth", lambda heads, vgg: heads.pop("lin4.model.1.weight"), "missing: lin4.model.1.weight"),
        ("vgg.pth", lambda heads, vgg: vgg.update({"features.1.running_mean": (64,)}), "unknown: features.1.run"),
        ("vgg.pth", lambda heads, vgg: vgg.pop("features.28.bias"), "missing: features.28.bias"),
    ],
)  # fmt: skip
def test_other_heads_and_other_vggs_are_refused(tmp_path, name, change, message):
    heads, vgg = layouts.lpips_heads(), features(layouts.vgg16())
    change(heads, vgg)
    torch.save(layouts.flat(heads), tmp_path / "alex.pth")
    torch.save(layouts.flat(vgg), tmp_path / "vgg.pth")
    with pytest.raises(WeightsError, match=message) as error:
        load_lpips(tmp_path)
    assert name in str(error.value) and "python -m pace fetch vgg16 lpips" in str(error.value)
