"""The command `python -m pace score`."""

import argparse
import functools
import os
import sys
from pathlib import Path

from pace.audio.vocoder import VocoderParams
from pace.evaluation import ceiling
from pace.evaluation.beat_trackers import BeatTracker
from pace.evaluation.settings import EvaluateParams
from pace.motion.energy import EnergyParams
from pace.pipeline import params
from pace.scoring import console, dances, dances_table, matching, score, tables
from pace.scoring.annotations import AnnotationFiles
from pace.scoring.file_clips import Rebuild

VAE = Path("models/vae")  # the pipeline's autoencoder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("reference", type=user_path, metavar="REFERENCE_DIR", help="the true music; none with --dances")
    add("generated", type=user_path, nargs="*", metavar="GENERATED_DIR", help="one folder for each system")
    dances_help = (
        "score the alignment of music with dances that have no true music, given by this folder of pose files: "
        "own music against that made for all other dances"
    )
    add("--dances", type=user_path, metavar="POSES_DIR", help=dances_help)
    add("--name", nargs="+", action="extend", default=[], help="names of the systems (default: folder names)")
    extractors_help = (
        "embeddings for the Fréchet distances: descriptors, vggish, cnn14, clap (default: evaluate.fad of params.yaml)"
    )
    add("--extractors", nargs="+", metavar="NAME[=WEIGHTS]", help=extractors_help)
    add(
        "--protocols",
        nargs="+",
        help="rhythm protocols: d2mgan, loris, 5hz, strict (default: evaluate.protocols of params.yaml)",
    )
    tracker_help = "what hears beats: librosa, madmom, beat_this[=CHECKPOINT] (default: evaluate.beats of params.yaml)"
    add("--tracker", metavar="NAME[=WEIGHTS]", help=tracker_help)
    add("--suffixes", nargs="*", help="endings such as _gen that file names may have on one side only")
    add("--training", type=user_path, metavar="DIR", help="folder of training music, for a row of random pieces of it")
    vae_help = (
        "folder of a trained autoencoder, for a row of true music passed through it and the vocoder "
        "(default: models/vae if trained)"
    )
    add("--vae", type=user_path, metavar="DIR", help=vae_help)
    group_help = "regular expression whose first group is a clip's source, such as '(.*)_[0-9]+', for intervals"
    add("--group", metavar="PATTERN", help=group_help)
    add("--poses", type=user_path, metavar="DIR", help="folder of CLIP.npz pose files, in the format of data/pose3d")
    training_poses_help = "folder of MUSIC.npz pose files of the training music's dances, for the row retrieval"
    add("--training-poses", type=user_path, metavar="DIR", help=training_poses_help)
    add("--beats", type=user_path, metavar="FILE.csv", help="true beats of the clips: columns clip,time_s")
    add("--tempo", type=user_path, metavar="FILE.csv", help="true tempo of the clips: columns clip,bpm")
    add("--out", type=user_path, metavar="FILE", help="file to write: everything (.json) or the table (.csv, .md)")
    add("--strict", action="store_true", help="exit with status 3 when a file was left out or is faulty")


def user_path(value: str) -> Path:
    """A path as a user gives it, with the home folder for a `~` that the shell left, as in --out=~/table.md."""
    return Path(os.path.expanduser(value))


def run(arguments: argparse.Namespace) -> None:
    """Score folders of music; exit status 3 with --strict when a file was left out or is faulty."""
    if arguments.out:
        tables.check_out(arguments.out, [path for path in (arguments.beats, arguments.tempo) if path])
    p = params.section(params.read(), "evaluate", EvaluateParams, partial=True)
    if arguments.dances:
        return run_dances(arguments, p)
    if not arguments.generated:
        raise ValueError("no GENERATED_DIR: give the folder of the true music, then one for each system")
    extractors, weights = score.parse_extractors(arguments.extractors or p.fad, p.weights)
    options = score.ScoreOptions(
        arguments.reference,
        score.name_systems(arguments.generated, arguments.name),
        tuple(arguments.protocols or p.protocols),
        extractors,
        weights,
        matching.ENDINGS if arguments.suffixes is None else tuple(arguments.suffixes),
        arguments.training,
        arguments.group,
        find_ceiling(arguments.vae),
        AnnotationFiles(arguments.poses, arguments.beats, arguments.tempo, arguments.training_poses),
        parse_tracker(arguments.tracker or p.beats, p.beat_this_weights),
        energy=params.section(params.read(), "energy", EnergyParams),
    )
    result = score.score(options)
    print(console.text(result))
    if arguments.out:
        tables.write(result, arguments.out)
    print(console.rest(arguments.out))
    if arguments.strict and any(result["files"].values()):
        sys.exit(3)


def run_dances(arguments: argparse.Namespace, p: EvaluateParams) -> None:
    """Score the alignment of music with dances alone."""
    without = ("beats", "tempo", "poses", "training", "training_poses", "vae", "extractors", "protocols")
    if given := [name for name in without if getattr(arguments, name)]:
        raise ValueError(f"--{given[0].replace('_', '-')} needs true music: it cannot be given with --dances")
    result = dances.score(
        arguments.dances,
        score.name_systems([arguments.reference, *arguments.generated], arguments.name),
        parse_tracker(arguments.tracker or p.beats, p.beat_this_weights),
        params.section(params.read(), "energy", EnergyParams),
        matching.ENDINGS if arguments.suffixes is None else tuple(arguments.suffixes),
        arguments.group,
    )
    print(dances_table.text(result))
    if arguments.out:
        dances_table.write(result, arguments.out)
    if arguments.strict and any(result["files"].values()):
        sys.exit(3)


def parse_tracker(value: str, weights: str) -> BeatTracker:
    """The tracker of `name` or `name=weights`, which overrides the default weights. Raises TrackerError."""
    name, _, path = value.partition("=")
    tracker = BeatTracker.of(name, os.path.expanduser(path or weights))
    tracker.check()
    return tracker


def find_ceiling(folder: Path | None) -> Rebuild | None:
    """The function that makes row `ceiling`, with the autoencoder of `folder` or the pipeline's; None without one."""
    if not folder and not (VAE / "vae.safetensors").is_file():
        return None
    folder = (folder or VAE).absolute()
    ceiling.cached_vae(folder)  # raises an error for a faulty one before anything is scored
    vocoder = params.section(params.read(), "vocoder", VocoderParams)
    return functools.partial(ceiling.ceiling_track, folder=folder, vocoder=vocoder)
