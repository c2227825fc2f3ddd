"""How a stage ends, and where it saves its state."""

from pathlib import Path

import pytest

from pace.pipeline import stage


@pytest.mark.parametrize("error", [ValueError, ArithmeticError, OSError, RuntimeError, FileNotFoundError])
def test_a_users_error_is_one_line_and_status_1(error):
    def main():
        raise error("params.yaml: no such file")

    with pytest.raises(SystemExit) as ended:
        stage.run("lift", main)
    assert ended.value.code == "lift: params.yaml: no such file"  # which Python prints on stderr, with status 1


def test_ctrl_c_is_one_line_and_status_130(capsys):
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        stage.run("lift", main)
    assert ended.value.code == 130
    assert capsys.readouterr().err == "lift: interrupted; what is finished is kept, run the command again to go on\n"


def test_a_fault_of_the_program_keeps_its_traceback():
    def main():
        raise KeyError("a fault")

    with pytest.raises(KeyError, match="a fault"):
        stage.run("lift", main)


def test_saved_states_lie_in_the_project(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    assert stage.resume_folder("train_vae") == tmp_path / ".resume/train_vae"


@pytest.mark.parametrize("relative", [False, True])
def test_a_temporary_experiment_shares_the_projects_saved_states(monkeypatch, tmp_path, relative):
    experiment = tmp_path / ".dvc/tmp/exps/standalone/tmpabc"
    experiment.mkdir(parents=True)
    monkeypatch.chdir(experiment)
    monkeypatch.setenv("DVC_ROOT", "../../../../.." if relative else str(tmp_path))
    folder = stage.resume_folder("train_vae")
    assert folder.is_absolute()
    assert folder.resolve() == Path(tmp_path / ".resume/train_vae").resolve()
