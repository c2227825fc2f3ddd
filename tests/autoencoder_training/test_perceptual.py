import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pace.autoencoder_training.perceptual import load_lpips

# torchvision's configuration D: widths, "M" for max pooling; LPIPS reads the ReLU before each pooling and the last.
CONFIGURATION = (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M")
TAPS = (3, 8, 15, 22, 29)


def torchvision_vgg16_features() -> torch.nn.Sequential:
    layers, channels = [], 3
    for width in CONFIGURATION:
        if width == "M":
            layers.append(torch.nn.MaxPool2d(2, 2))
        else:
            layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
            channels = width
    return torch.nn.Sequential(*layers)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A folder with random weights in the public layouts, the VGG as a module and the heads' tensors."""
    folder = tmp_path_factory.mktemp("lpips")
    torch.manual_seed(0)
    vgg = torchvision_vgg16_features()
    state = {f"features.{key}": value for key, value in vgg.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(2, 2)
    heads = {f"lin{k}.model.1.weight": torch.rand(1, c, 1, 1) for k, c in enumerate((64, 128, 256, 512, 512))}
    torch.save(state, folder / "vgg16-397923af.pth")
    torch.save(heads, folder / "vgg.pth")
    return folder, vgg, heads


def reference(vgg, heads, real, fake):
    """The published formula, written with numpy over features taken from a plain VGG."""
    taps = []
    for mel in (real, fake):
        rgb = np.repeat(mel.numpy() * 2 - 1, 3, axis=1)
        rgb = (rgb - np.array([-0.030, -0.088, -0.188])[:, None, None]) / np.array([0.458, 0.448, 0.450])[:, None, None]
        x, features = torch.from_numpy(rgb.astype(np.float32)), []
        for index, layer in enumerate(vgg):
            x = layer(x)
            if index in TAPS:
                features.append(x.detach().double().numpy())
        taps.append(features)
    total = np.zeros(len(real))
    for k, (a, b) in enumerate(zip(*taps, strict=True)):
        a, b = (f / (np.sqrt((f**2).sum(axis=1, keepdims=True)) + 1e-10) for f in (a, b))
        head = heads[f"lin{k}.model.1.weight"].double().numpy()
        total += (head * (a - b) ** 2).sum(axis=1).mean(axis=(1, 2))
    return total


def test_lpips_equals_the_published_formula(weights):
    folder, vgg, heads = weights
    lpips = load_lpips(folder)
    torch.manual_seed(1)
    real, fake = torch.rand(2, 1, 32, 48), torch.rand(2, 1, 32, 48)
    expected = reference(vgg, heads, real, fake)
    np.testing.assert_allclose(lpips(real, fake).numpy(), expected, rtol=1e-4)
    assert (expected > 0.01).all()
    assert lpips(real, real).abs().max() == 0


def test_gradients_flow_to_the_image_alone(weights):
    lpips = load_lpips(weights[0])
    fake = torch.zeros(1, 1, 32, 32, requires_grad=True)
    lpips(torch.rand(1, 1, 32, 32), fake).sum().backward()
    assert fake.grad.isfinite().all() and fake.grad.abs().sum() > 0
    assert all(not p.requires_grad and p.grad is None for p in lpips.parameters())


def test_positions_without_any_feature_have_no_gradient_instead_of_nan():
    from pace.autoencoder_training.perceptual import _unit

    features = torch.zeros(1, 4, 2, 2, requires_grad=True)
    F.mse_loss(_unit(features), torch.ones(1, 4, 2, 2)).backward()
    assert features.grad.isfinite().all()


def test_a_folder_without_weights_means_none(tmp_path):
    (tmp_path / "README.md").write_text("empty on purpose")
    assert load_lpips(tmp_path) is None
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load_lpips(tmp_path / "missing")


def test_incomplete_weights_name_file_and_key(weights, tmp_path):
    folder, _, heads = weights
    (tmp_path / "vgg.pth").write_bytes((folder / "vgg.pth").read_bytes())
    with pytest.raises(ValueError, match=r"has vgg\.pth but no VGG-16 weights"):
        load_lpips(tmp_path)
    state = torch.load(folder / "vgg16-397923af.pth", weights_only=True)
    torch.save({k: v for k, v in state.items() if k != "features.28.bias"}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth: .*missing: features\.28\.bias"):
        load_lpips(tmp_path)
    torch.save({**heads, "lin2.model.1.weight": torch.zeros(1, 3, 1, 1)}, tmp_path / "vgg.pth")
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"vgg\.pth: .*lin2\.model\.1\.weight is \(1, 3, 1, 1\), expected \(1, 256"):
        load_lpips(tmp_path)
    (tmp_path / "a.pth").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.pth: not a readable weights file"):
        load_lpips(tmp_path)
