"""What `make` and the doctor tell about git, the user, folders, the system and the disk, and that the remedies help."""

import collections
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers.projects import ROOT

import pace
from pace.setup import doctor_git, doctor_machine, preflight
from pace.setup.doctor_findings import FAIL, NOTE, OK, Finding

Usage = collections.namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def no_settings_of_git(tmp_path_factory, monkeypatch):
    """Git without the machine's settings; `git config --global` writes into a file of the test."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path_factory.mktemp("git") / "config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")
    for name in ("GIT_DIR", "GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL"):
        monkeypatch.delenv(name, raising=False)


def shell(folder: Path, command: str) -> None:
    subprocess.run(["sh", "-c", command], cwd=folder, check=True, capture_output=True)


def named(findings, name: str) -> list[Finding]:
    return [finding for finding in findings if finding.name == name]


def remedy(finding: Finding) -> str:
    """The last command that a finding names, between backticks."""
    return re.findall(r"`([^`]+)`", finding.consequence)[-1]


IDENTITY = "git config --global user.name Test && git config --global user.email test@example.org"


def test_a_folder_without_git_and_its_remedy(tmp_path):
    shell(tmp_path, f"{IDENTITY}; touch file")
    (finding,) = doctor_git.git(tmp_path)
    assert finding.state == FAIL and "not a git repository, as after the download of a ZIP file" in finding.message
    shell(tmp_path, remedy(finding))
    assert [found.state for found in doctor_git.git(tmp_path)] == [OK]


def test_a_repository_without_a_commit_and_one_further_up(tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "file").touch()
    shell(tmp_path, f"{IDENTITY}; git init -q")
    for folder, message in ((tmp_path, "has no commit"), (inner, f"the repository is {tmp_path}, a folder further up")):
        (finding,) = doctor_git.git(folder)
        assert finding.state == NOTE and message in finding.message
    shell(inner, remedy(finding))
    assert [found.state for found in doctor_git.git(inner)] == [OK]


def test_a_checkout_of_another_owner_and_its_remedy(tmp_path, monkeypatch):
    folder = tmp_path / "it's mine"
    folder.mkdir()
    shell(folder, f"{IDENTITY}; git init -q; git commit -q --allow-empty -m x")
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    (finding,) = doctor_git.git(folder)
    assert finding.state == NOTE and "belongs to another user" in finding.message
    assert "`dvc exp run`" in finding.consequence
    shell(folder, remedy(finding))
    assert [found.state for found in doctor_git.git(folder)] == [OK]


def test_a_missing_identity_and_its_remedy(tmp_path):
    shell(tmp_path, f"git init -q; {IDENTITY}; git commit -q --allow-empty -m x; rm $GIT_CONFIG_GLOBAL")
    ok, finding = doctor_git.git(tmp_path)
    assert (ok.state, finding.state) == (OK, NOTE) and finding.message == "user.name and user.email not set"
    shell(tmp_path, remedy(finding))
    assert len(list(doctor_git.git(tmp_path))) == 1


def test_git_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (finding,) = doctor_git.git(tmp_path)
    assert finding.state == FAIL and "install git" in finding.consequence
    (tmp_path / ".git").mkdir()
    (finding,) = doctor_git.git(tmp_path)
    assert finding.state == NOTE and finding.message == "git is not installed"


def test_a_user_id_without_a_name_and_its_remedy(tmp_path, monkeypatch):
    def unknown(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    (finding,) = doctor_machine.user(tmp_path)
    assert finding.state == FAIL and "user id 12345 has no name" in finding.message
    name, _, value = remedy(finding).removeprefix("export ").partition("=")
    monkeypatch.setenv(name, value)
    (finding,) = doctor_machine.user(tmp_path)
    assert finding.state == NOTE and "DVC takes uid-12345 from the environment" in finding.message
    monkeypatch.delenv("HOME")
    assert [found.state for found in doctor_machine.user(tmp_path)] == [NOTE, FAIL]


def test_a_home_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "absent"))
    (finding,) = named(doctor_machine.user(tmp_path), "home")
    assert finding.state == NOTE and "absent cannot be written to" in finding.message
    assert "`export HOME=FOLDER`" in finding.consequence


def test_folders_of_another_owner(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    assert list(doctor_machine.folders(tmp_path)) == []
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "data")
    (finding,) = doctor_machine.folders(tmp_path)
    assert finding.state == FAIL and finding.message == "cannot write to data" and "chown" in finding.consequence


def test_an_environment_that_was_moved(tmp_path):
    script = tmp_path / ".venv/bin/dvc"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!{sys.executable}\n")
    assert list(doctor_machine.folders(tmp_path)) == []
    script.write_text("#!/elsewhere/.venv/bin/python3.11\n")
    (finding,) = doctor_machine.folders(tmp_path)
    assert finding.state == FAIL and "`rm -r .venv`, then `make venv`" in finding.consequence


@pytest.mark.parametrize(
    ("name", "state", "message"),
    [
        ('a "b" c', FAIL, "environment's commands"),
        ("dances (2024) 100 %", OK, ""),
        ("Bob's dances", OK, ""),
        ("a:b", FAIL, "makes no environment"),
        ("a{b}", FAIL, "with a brace"),
        ("a#b", NOTE, "--temp"),
        ("über", NOTE, "`dvc cache dir --local FOLDER`"),
        ("u\u0308ber", NOTE, "`dvc cache dir --local FOLDER`"),
    ],
)
def test_characters_in_the_projects_path(name, state, message, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    (finding,) = doctor_machine.path(folder)
    assert finding.state == state and message in finding.consequence


def test_a_cache_of_a_plain_name_mends_a_path_outside_ascii(tmp_path):
    folder = tmp_path / "über"
    (folder / ".dvc").mkdir(parents=True)
    (folder / ".dvc/config.local").write_text(f"[cache]\n    dir = {tmp_path}/cache\n")
    (finding,) = doctor_machine.path(folder)
    assert finding.state == OK


@pytest.mark.parametrize(
    ("name", "machine", "libc", "state", "message"),
    [
        ("Linux", "x86_64", ("glibc", "2.36"), OK, ""),
        ("Linux", "aarch64", ("glibc", "2.28"), OK, ""),
        ("Linux", "x86_64", ("glibc", "2.17"), FAIL, "need 2.28"),
        ("Linux", "x86_64", ("", ""), FAIL, "musl"),
        ("Darwin", "arm64", ("", ""), OK, ""),
        ("Darwin", "x86_64", ("", ""), FAIL, "Intel Macs"),
        ("Windows", "AMD64", ("", ""), NOTE, "use WSL"),
    ],
)
def test_systems(name, machine, libc, state, message, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: name)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.libc_ver", lambda: libc)
    (finding,) = doctor_machine.system(Path())
    assert finding.state == state and message in finding.consequence


def test_mediapipe_is_pinned_where_it_has_wheels():
    """PyPI has 0.10.21 for Linux on x86_64, macOS and Windows, and 0.10.18 for Linux on ARM."""
    from packaging.requirements import Requirement

    lines = [line for line in (ROOT / "requirements-mediapipe.txt").read_text().splitlines() if line[0] != "#"]
    wanted = [Requirement(line) for line in lines]

    def pinned(system, machine, version="3.11"):
        machine = {"sys_platform": system, "platform_machine": machine, "python_version": version}
        return [str(one.specifier) for one in wanted if one.marker is not None and one.marker.evaluate(machine)]

    assert pinned("linux", "x86_64") == pinned("darwin", "arm64") == pinned("win32", "AMD64") == ["==0.10.21"]
    assert pinned("linux", "aarch64") == ["==0.10.18"]
    assert pinned("linux", "aarch64", "3.13") == pinned("linux", "x86_64", "3.13") == []


def test_other_versions_of_python(monkeypatch):
    for version, state, message in (((3, 11, 9), OK, ""), ((3, 12, 1), NOTE, "3.11"), ((3, 13, 0), NOTE, "MediaPipe")):
        monkeypatch.setattr(sys, "version_info", version)
        (finding,) = doctor_machine.python(Path())
        assert finding.state == state and message in finding.consequence


def test_disk_space_before_and_after_the_installation(tmp_path, monkeypatch):
    free = {str(tmp_path): 2e9, tempfile.gettempdir(): 1e9}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(0, 0, free[str(path)]))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    here, temporary = doctor_machine.disk(tmp_path)
    assert here.state == FAIL and here.message == "2.0 GB" and "3 GB with PyTorch" in here.consequence
    assert temporary.state == NOTE and "`export TMPDIR=FOLDER`" in temporary.consequence
    free |= {str(tmp_path): 6e9, tempfile.gettempdir(): 50e9}
    assert [finding.state for finding in doctor_machine.disk(tmp_path)] == [NOTE]
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/.installed").touch()
    assert [finding.state for finding in doctor_machine.disk(tmp_path)] == [OK]


def test_a_check_that_raises_stops_nothing(tmp_path, monkeypatch, capsys):
    def broken(_):
        raise OSError("no such call")

    monkeypatch.setattr(preflight, "CHECKS", (("system", broken),))
    monkeypatch.chdir(tmp_path)
    preflight.main()
    assert "make: note: system: could not be checked: no such call" in capsys.readouterr().err


def test_make_tells_before_it_installs(tmp_path):
    """In a copy without git, with a bare Python: one line, at once, and no environment."""
    for folder in ("pace/setup", "pace/pipeline"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pace/__init__.py", tmp_path / "pace")
    environment = {**os.environ, "PYTHONNOUSERSITE": "1"}
    make = ["make", f"PYTHON={sys._base_executable}", "repro"]  # type: ignore[attr-defined]
    done = subprocess.run(make, cwd=tmp_path, env=environment, text=True, capture_output=True)
    assert done.returncode == 2 and not (tmp_path / ".venv").exists()
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("make: FAIL")]
    assert line.startswith("make: FAIL: git: not a git repository") and doctor_git.COMMIT in line
    done = subprocess.run([make[0], "PYTHON=python2.5", "repro"], cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode == 2 and "make PYTHON=/path/to/python3.11" in done.stderr


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become another user")
def test_caches_of_a_user_who_can_write_nowhere():
    """As in a container with the environment of root and another user's id: numba would refuse to import librosa."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    code = "import os, pace; os.setuid(12345); print(pace._temporary_caches(), os.environ['NUMBA_CACHE_DIR'])"
    environment = {**os.environ, "HOME": "/", "TMPDIR": str(folder)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", code]
    try:
        for _ in range(2):  # made, then met again
            printed = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=True)
            assert printed.stdout.split() == [str(folder / "pace-12345"), str(folder / "pace-12345/numba")]
        assert (folder / "pace-12345").stat().st_mode & 0o777 == 0o700
        shutil.rmtree(folder / "pace-12345")
        (folder / "pace-12345").mkdir()  # another user's: numba would run what lies in it
        printed = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=True)
        assert printed.stdout.split()[0] != str(folder / "pace-12345")
    finally:
        shutil.rmtree(folder)


def test_caches_stay_where_they_are_if_the_home_folder_is_writable(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert pace._temporary_caches() == ""
