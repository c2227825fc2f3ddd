"""The code dependencies that `make deps` writes, on a small project whose imports are known."""

import pytest

from pace.pipeline import closure
from pace.setup import code_deps

FILES = {
    "pace/clip.py": "",
    "pace/net/layers.py": "",
    "pace/net/model.py": "from pace.net import layers\nfrom pace import clip\n",
    "pace/loop/steps.py": "from pace.net import model\n",
    "pace/loop/unused.py": "",
    "pace/outer/inner/deep.py": "",
    "stages/train_vae.py": "from pace.loop import steps\nfrom pace.outer.inner import deep\n",
    "stages/sample.py": "from pace.loop import steps\n",
}
TRAINING = ["pace/clip.py", "pace/loop/steps.py", "pace/net", "pace/outer", "stages/train_vae.py"]
SAMPLE = ["pace/clip.py", "pace/loop", "pace/net", "stages/sample.py"]
DVC = """\
vars: [pace/net]
stages:
  train_vae:
    cmd: python -m stages.train_vae
    deps:
      - data/mel
      - ${{train_vae.weights}}
{training}    outs:
      - models/vae

  sample:
    deps:
{sample}    outs:
      - data/generated
"""


def lines(deps: list[str]) -> str:
    return "".join(f"      - {dep}\n" for dep in deps)


@pytest.fixture(autouse=True)
def small(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
        (tmp_path / name).with_name("__init__.py").touch()
    monkeypatch.setattr(closure, "ROOT", tmp_path)
    closure.direct_imports.cache_clear()
    yield
    closure.direct_imports.cache_clear()


def test_a_training_depends_on_what_it_imports_alone():
    """A folder stands for its modules only if the training imports all of them."""
    assert code_deps.code_deps("train_vae") == TRAINING


def test_other_stages_depend_on_whole_packages():
    assert code_deps.code_deps("sample") == SAMPLE


def test_a_new_module_splits_a_folder_of_a_training(tmp_path):
    (tmp_path / "pace/net/extra.py").touch()
    expected = ["pace/clip.py", "pace/loop/steps.py", "pace/net/layers.py", "pace/net/model.py", "pace/outer"]
    assert code_deps.code_deps("train_vae") == [*expected, "stages/train_vae.py"]
    assert code_deps.code_deps("sample") == SAMPLE


def test_code_deps_are_replaced_and_the_rest_of_dvc_yaml_stays():
    old = DVC.format(training=lines(["pace/gone.py", "stages/train_vae.py"]), sample=lines(["stages/sample.py"]))
    new = DVC.format(training=lines(TRAINING), sample=lines(SAMPLE))
    assert code_deps.with_code_deps(old) == new
    assert code_deps.with_code_deps(new) == new


def test_the_command_writes_what_has_changed(tmp_path, capsys):
    right = DVC.format(training=lines(TRAINING), sample=lines(SAMPLE))
    for file, text in zip(
        code_deps.DVC_FILES, (right.replace("pace/net\n", "pace/gone.py\n"), right, right), strict=True
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    code_deps.main()
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == "dvc.yaml: written"
    assert second.endswith("up to date") and third.endswith("up to date")
