"""Miniature datasets in the layouts of the public ones, from procedural motion seen by known cameras."""

import json
import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
from ruamel.yaml import YAML
from scipy.spatial.transform import Rotation

from pace.datasets.listing import IndexParams
from pace.media.writing import write_video
from pace.pipeline.params import read as read_params
from pace.pipeline.params import section
from pace.pose import skeleton
from pace.synthetic.choreography import choreograph
from pace.synthetic.clock import Clock

ROOT = Path(__file__).resolve().parents[2]
SIZE = (96, 64)
VIEWS = tuple(f"c{number:02d}" for number in range(1, 10))
ENVIRONMENT = "setting1"


def write_params(folder: Path, **sections: dict) -> None:
    """A params.yaml with the project's values but for those given."""
    content = read_params(ROOT / "params.yaml")
    for name, values in sections.items():
        content[name] |= values
    with open(folder / "params.yaml", "w") as file:
        YAML().dump(content, file)


def index_params(name: str, root: Path, **changes: object) -> IndexParams:
    """Parameters of an index: those of params.yaml but for a dataset's name and root and the given changes."""
    content = read_params(ROOT / "params.yaml")
    content["dataset"] |= {"name": name, "root": str(root)} | changes
    return section(content, "dataset", IndexParams, partial=True)


def tiny_video(path: Path, seed: int = 0, seconds: float = 5.0, fps: float = 10, sound: bool = True) -> None:
    """A few grey frames and some noise: what an index needs of a video."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    frames = (np.full((32, 48, 3), (13 * seed + i) % 250, np.uint8) for i in range(round(seconds * fps)))
    noise = rng.uniform(-0.5, 0.5, round(seconds * 8000)).astype(np.float32) if sound else None
    suffix = path.suffix
    write_video(path.with_suffix(".mp4"), frames, fps, noise, 8000)
    if suffix != ".mp4":
        path.with_suffix(".mp4").rename(path)


def copies(source: Path, *targets: Path) -> None:
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def camera(view: str) -> dict:
    """An entry of cameras/{environment}.json: c01 to c08 around the dancer, c09 higher up; world y up, centimetres."""
    number = VIEWS.index(view)
    turn = Rotation.from_euler("y", 180 - 45 * number if view != "c09" else 170, degrees=True)
    # Tilted too: without it the matrix is symmetric, and a test could not tell it from its inverse.
    tilt = Rotation.from_euler("xyz", [7, -3, 5], degrees=True)
    rotation = tilt * turn * Rotation.from_euler("z", 180, degrees=True)
    height = 90.0 if view != "c09" else 120.0
    focal, (width, height_px) = 0.9 * SIZE[0], SIZE
    return {
        "name": view,
        "size": list(SIZE),
        "matrix": [[focal, 0.0, width / 2 - 1.5], [0.0, focal, height_px / 2 + 0.5], [0.0, 0.0, 1.0]],
        "rotation": rotation.as_rotvec().tolist(),
        "translation": [3.0 * number - 10, height, 500.0 + 20 * number],
        "distortions": [0.03, -0.01, 0.0, 0.0, 0.0],
    }


def project(points: np.ndarray, view: str) -> np.ndarray:
    """World points (...,3) in pixels (...,2) by OpenCV, distortion included."""
    entry = camera(view)
    arrays = [np.array(entry[key]) for key in ("rotation", "translation", "matrix", "distortions")]
    return cv2.projectPoints(points.reshape(-1, 1, 3), *arrays)[0].reshape(*points.shape[:-1], 2)


def coco_joints(seconds: float, seed: int) -> np.ndarray:
    """COCO-17 joints (N,17,3) of a procedural dance, 60 a second, centimetres, y up."""
    motion = choreograph("break", Clock(100.0, 0.1), seconds, 60.0, np.random.default_rng(seed)).motion
    body = dict(zip(skeleton.H36M, np.moveaxis(100 * motion.joints, 1, 0), strict=True))
    side = body["lshoulder"] - body["rshoulder"]
    side = 3 * side / np.linalg.norm(side, axis=1, keepdims=True)
    body |= {"leye": body["head"] + side, "reye": body["head"] - side}
    body |= {"lear": body["nose"] + 3 * side, "rear": body["nose"] - 3 * side}
    return np.stack([body[name] for name in skeleton.COCO17], axis=1)


def write_annotations(folder: Path, splits: dict[str, str | None], ignored: tuple[str, ...] = ()) -> None:
    """Splits and ignore list; splits: sequence -> train, val, test or None."""
    (folder / "splits").mkdir(parents=True)
    for split in ("train", "val", "test"):
        lines = [f"{sequence}\n" for sequence, of in splits.items() if of == split]
        (folder / "splits" / f"crossmodal_{split}.txt").write_text("".join(lines))
    (folder / "ignore_list.txt").write_text("".join(f"{name}\n" for name in ignored))


def write_aistpp(root: Path, splits: dict[str, str | None], views: tuple[str, ...], seconds: float = 5.4) -> dict:
    """`root`/annotations and `root`/videos; returns sequence -> world joints (N,17,3) in centimetres, COCO-17."""
    annotations = root / "annotations"
    write_annotations(annotations, splits)
    for name in ("keypoints2d", "keypoints3d", "motions", "cameras"):
        (annotations / name).mkdir()
    (annotations / "cameras" / f"{ENVIRONMENT}.json").write_text(json.dumps([camera(view) for view in VIEWS]))
    (annotations / "cameras" / "mapping.txt").write_text("".join(f"{name} {ENVIRONMENT}\n" for name in splits))
    worlds = {}
    for seed, sequence in enumerate(splits):
        world = worlds[sequence] = coco_joints(seconds, seed)
        count = len(world)
        flat = np.stack([project(world, view) for view in VIEWS])
        keypoints = np.concatenate([flat, np.full((*flat.shape[:3], 1), 0.9)], axis=-1).astype(np.float32)
        write_pickle(
            annotations / "keypoints2d" / f"{sequence}.pkl",
            keypoints2d=keypoints,
            det_scores=np.full((9, count), 0.95, np.float32),
            timestamps=np.round(np.arange(count) / 60 * 1e6).astype(np.int64),
        )
        noise = np.random.default_rng(seed).normal(0, 5, world.shape)
        write_pickle(
            annotations / "keypoints3d" / f"{sequence}.pkl", keypoints3d=world + noise, keypoints3d_optim=world
        )
        for view in views:
            video = root / "videos" / f"{sequence.replace('cAll', view)}.mp4"
            video.parent.mkdir(exist_ok=True)
            sound = np.random.default_rng(seed).uniform(-0.3, 0.3, round(seconds * 22050)).astype(np.float32)
            write_video(video, map(_picture, project(world, view)), 60, sound)
    return worlds


def write_pickle(path: Path, **content: np.ndarray) -> None:
    """As the publishers did: the highest protocol of a dictionary of arrays."""
    with open(path, "wb") as file:
        pickle.dump(content, file, protocol=pickle.HIGHEST_PROTOCOL)


def _picture(points: np.ndarray) -> np.ndarray:
    image = np.full((SIZE[1], SIZE[0], 3), 40, np.uint8)
    for x, y in points:
        cv2.circle(image, (round(x), round(y)), 1, (230, 230, 230), -1)
    return image
