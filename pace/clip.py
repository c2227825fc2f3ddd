"""Definition of a clip: five seconds of music, its mel image and its latent (paper 3 and 5.2, FACTS 5)."""

CLIP_SECONDS = 5.0
SAMPLE_RATE = 22050  # Hz, mono
CLIP_SAMPLES = 110250  # CLIP_SECONDS * SAMPLE_RATE

N_FFT = 2048
HOP = 431  # samples; 1 + 110250 // 431 = 256 centred frames
N_MELS = 256
N_FRAMES = 256

LATENT_SIZE = 32  # height (mels) and width (time) of a latent: an eighth of the mel image's

SPLITS = ("train", "val", "test")  # every clip belongs to one of them
