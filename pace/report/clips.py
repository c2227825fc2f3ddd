"""The media files of one clip in the report: two videos, mel images, and energy, rhythm and gate curves."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pace.audio.mel import mel_image
from pace.clip import CLIP_SAMPLES, CLIP_SECONDS, SAMPLE_RATE
from pace.media import sounds
from pace.media.sound_track import read_audio
from pace.media.streams import MediaError
from pace.media.video import probe, read_frames
from pace.media.writing import write_video
from pace.pose.skeleton import PARTS
from pace.report import plots

OWN, GENERATED = "own music", "generated music"


@dataclass(frozen=True)
class Sources:
    """Output folders of the stages whose media the report shows."""

    decoded: Path
    audio: Path
    generated: Path
    energy: Path


@dataclass(frozen=True)
class ClipView:
    """One clip on the page. File names are relative to the page; None where there is no such file."""

    clip_id: str
    facts: dict[str, str]  # label -> text
    videos: dict[str, str]  # OWN, GENERATED -> file
    mels: dict[str, str]  # OWN, GENERATED -> file
    energy: str | None
    rhythm: str | None
    gates: str | None


def choose(clips: pd.DataFrame, count: int, generated: Path, split: str = "test") -> pd.DataFrame:
    """Choose at most `count` clips of `split` that have generated music.

    The choice is spread evenly over the videos; no video gets a second clip before each has one.
    """
    has_music = [(generated / f"{clip_id}.wav").is_file() for clip_id in clips["clip_id"]]
    candidates = clips[(clips["split"] == split) & np.array(has_music, dtype=bool)].sort_values(["video_id", "start_s"])
    number_in_video = candidates.groupby("video_id").cumcount()
    chosen: list[int] = []
    for _, one_per_video in candidates.groupby(number_in_video):
        last = len(one_per_video) - 1
        wanted = min(count - len(chosen), len(one_per_video))
        positions = np.linspace(0, last, wanted).round().astype(int) if wanted > 1 else np.arange(wanted)
        chosen += list(one_per_video.index[positions])
    return candidates.loc[sorted(chosen)]


def view(clip: pd.Series, video: pd.Series, scores: dict[str, float], sources: Sources, page: Path) -> ClipView:
    """Write the media of one clip into `page`/media and return their names, with the facts that the page shows.

    clip: a row of clips.parquet. video: the clip's row of videos.parquet. scores: label -> score of the generated
    music. Music that cannot be read is left out.
    """
    name, start = clip["clip_id"], float(clip["start_s"])
    folder = page / "media"
    folder.mkdir(parents=True, exist_ok=True)

    def save(suffix: str, content: bytes) -> str:
        (folder / f"{name}_{suffix}").write_bytes(content)
        return f"media/{name}_{suffix}"

    waves = {}
    if (own := sources.audio / f"{clip['video_id']}.wav").is_file():
        waves[OWN] = cut(read_audio(own, SAMPLE_RATE), start)
    with contextlib.suppress(MediaError, OSError):  # evaluate lists the clip among the failures
        waves[GENERATED] = cut(sounds.read(sources.generated / f"{name}.wav").at(SAMPLE_RATE), 0.0)
    frames, fps = cut_frames(sources.decoded / f"{clip['video_id']}.mp4", start)
    videos = {}
    for title, wave in waves.items():
        file = f"media/{name}_{title.split()[0]}.mp4"
        write_video(page / file, frames, fps, wave, SAMPLE_RATE)
        videos[title] = file
    energy_file = sources.energy / f"{clip['video_id']}.parquet"
    gates_file = sources.generated / "gates.npz"
    return ClipView(
        clip_id=name,
        facts=_facts(clip, video) | {key: f"{value:.2f}" for key, value in scores.items()},
        videos=videos,
        mels={
            title: save(f"{title.split()[0]}_mel.png", plots.mel(mel_image(wave), CLIP_SECONDS))
            for title, wave in waves.items()
        },
        energy=save("energy.svg", plots.energy(*clip_energy(energy_file, start))) if energy_file.is_file() else None,
        rhythm=save("rhythm.svg", plots.rhythm(waves, SAMPLE_RATE)) if waves else None,
        gates=_gates(gates_file, name, save) if gates_file.is_file() else None,
    )


def cut(wave: np.ndarray, start: float) -> np.ndarray:
    """Cut a clip (110250,) out of a wave (S,), from `start` seconds on; a shorter rest is padded with silence."""
    first = round(start * SAMPLE_RATE)
    excerpt = wave[first : first + CLIP_SAMPLES]
    return np.pad(excerpt, (0, CLIP_SAMPLES - len(excerpt)))


def cut_frames(path: Path, start: float) -> tuple[list[np.ndarray], float]:
    """Read a clip's frames (H,W,3) of a video, from `start` seconds on, and the video's frame rate."""
    fps = probe(path).fps
    first, count = round(start * fps), round(CLIP_SECONDS * fps)
    frames = []
    for index, frame in enumerate(read_frames(path)):
        if index >= first + count:
            break
        if index >= first:
            frames.append(frame)
    return frames, fps


def clip_energy(path: Path, start: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read a clip's times (N,) in seconds, slow energy (N,5) and fast energy (N,5) from `start` seconds on.

    Each part's energy is divided by its maximum over the whole video.
    """
    table = pd.read_parquet(path)
    inside = table["time_s"].between(start, start + CLIP_SECONDS)

    def relative(band: str) -> np.ndarray:
        values = table[[f"{band}_{part}" for part in PARTS]].to_numpy(np.float64)
        share: np.ndarray = values[inside] / np.maximum(values.max(axis=0), 1e-12)
        return share

    times: np.ndarray = table["time_s"][inside].to_numpy() - start
    return times, relative("slow"), relative("fast")


def _facts(clip: pd.Series, video: pd.Series) -> dict[str, str]:
    """The clip's video and start, and genre, music and dancer as far as the dataset has them."""
    facts = {"video": str(clip["video_id"]), "from": f"{float(clip['start_s']):g} s"}
    labels = {key: video.get(key) for key in ("genre", "music_id", "dancer")}
    return facts | {
        key.removesuffix("_id"): str(value) for key, value in labels.items() if not pd.isna(value) and value
    }


def _gates(path: Path, clip_id: str, save: Callable[[str, bytes], str]) -> str | None:
    """Draw the gates of a clip; None if gates.npz does not have them."""
    with np.load(path, allow_pickle=False) as file:
        rows = np.flatnonzero(file["clip_id"] == clip_id)
        if not len(rows):
            return None
        slow, fast, alpha = (file[key][rows[0]].astype(np.float64) for key in ("gate_slow", "gate_fast", "alpha"))
    return save("gates.svg", plots.gates(slow, fast, alpha, CLIP_SECONDS))
