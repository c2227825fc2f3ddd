"""The texts of the report's tables: what each row, protocol and column is, and what the marks mean."""

ROWS = {
    "truth": "the true music itself",
    "mel": "the true music passed through mel image and vocoder alone",
    "ceiling": "the true music passed through VAE and vocoder: the best sound this pipeline can reach",
    "generated": "music generated for the video",
    "clock": "a click at each beat of one tempo and phase, found in the fast energies of the dance without learning",
    "retrieval": "the training music whose dance has the nearest clock, shifted into phase",
    "shuffled": "music generated for other videos: chance level",
    "random": "music of random training clips",
    "clicks": "one click per second",
    "clicks120": "a click track at 120 BPM",
    "delayed": "the true music, 250 ms late",
}
MAIN_ROWS = ("generated", "ceiling", "truth", "clock", "retrieval", "shuffled")  # of the table by strength
THIRDS = ("weak", "middle", "strong")  # of the dances
MAIN = (("strict", "beat_f70"), ("strict", "onset_f70"), ("dynamics", "loudness"), ("dynamics", "density"))
PROTOCOLS = {  # protocol or extractor -> heading, explanation
    "strict": (
        "Strict",
        "Onsets must be within 70 or 50 ms, and beats within 70 or 35 ms, of those of the true music. This shows "
        "whether the rhythm is in time. It does not show whether the music sounds good or suits the style. CMLt needs "
        "successive beats that are all in time. AMLt forgives half and double tempo and the off-beat. Information gain "
        "and the tempo errors forgive any delay.",
    ),
    "dynamics": (
        "Dynamics",
        "Correlation of two curves of the music with those of the true music: its loudness and its onsets per second, "
        "both smoothed over a second. 1: the same course; 0: chance. This shows whether the music grows and thins out "
        "where it should. Single beats count little. Music whose curve does not change has no value.",
    ),
    "alignment": (
        "Beats of music and dance",
        "The AIST++ beat alignment score: how close the dancer's beats (moments of least speed) are to the music's, "
        "and the reverse, how close the music's beats are to the dancer's. Extra beats raise the first score and "
        "lower the second. The true music need not score highest, because dancers may arrive before or after "
        "the beat.",
    ),
    "loris": (
        "LORIS protocol",
        "Counts onsets in bins of one second; BCS is precision and BHS recall. The scores are comparable with those of "
        "published systems. Clicks and delayed music score high too, so they say nothing about timing.",
    ),
    "d2mgan": (
        "D2M-GAN protocol",
        "Counts onsets in bins of one second; BCS is a ratio of counts and may exceed 100. This shows whether there "
        "are about as many onsets as in the true music, not whether they are at the right time.",
    ),
    "5hz": (
        "5 Hz protocol",
        "Counts onsets as LORIS does, but in bins of 200 ms. It is stricter, and still blind to errors within a bin.",
    ),
    "descriptors": (
        "Descriptors, without weights",
        "Compares level, spectrum, onsets and pitch of each second, in standard deviations of music: whether the music "
        "sounds like the true music. The values are comparable only within this project.",
    ),
    "vggish": ("VGGish", "FAD_v, over segments of 0.96 s, as printed for published systems."),
    "cnn14": (
        "PANNs CNN14",
        "FAD_p, over whole clips. Compare published figures from the package frechet-audio-distance only with the "
        "column “pooled, legacy”.",
    ),
    "clap": ("CLAP", "FAD_c, over whole clips."),
}
COLUMNS = {  # metric -> heading, decimals
    "bcs": ("BCS %", 1),
    "csd": ("CSD", 1),
    "bhs": ("BHS %", 1),
    "hsd": ("HSD", 1),
    "f1": ("F1 %", 1),
    "onset_f70": ("onset F 70 ms", 3),
    "onset_f50": ("onset F 50 ms", 3),
    "beat_f70": ("beat F 70 ms", 3),
    "beat_f35": ("beat F 35 ms", 3),
    "cmlt": ("CMLt", 3),
    "amlt": ("AMLt", 3),
    "information_gain": ("information gain", 3),
    "tempo_error_bpm": ("tempo error BPM", 1),
    "tempo_error_octave_bpm": ("tempo error BPM, octaves forgiven", 1),
    "loudness": ("loudness", 3),
    "density": ("onset density", 3),
    "fad": ("FAD", 3),
    "fad_inf": ("FAD∞", 3),
    "fad_panns_pooled_legacy": ("pooled, legacy", 4),
    "bas": ("over dance beats", 3),
    "bas_music": ("over music beats", 3),
}

INTERVALS = "Below each value: its 95 % interval, from resampled dances (bootstrap)."
HEARD_BY = "In all rows, the beats are those that {tracker} hears, less its constant lateness of {lateness_ms:.0f} ms."
MISSING_MEANS = (
    "Left out of these means, because they have no value: clips (in row shuffled: pairs of clips) whose true music has "
    "nothing to compare with. The section Failures names them, but for dynamics, where it is music that does not "
    "change. Numbers left out:"
)
FAD_SCOPE = (
    "Distance to the true music of the scored clips; lower is closer. A shift in time hardly changes it. The distance "
    "grows with d / n, so compare it only between sets with the same number of rows and clips. FAD∞ is extrapolated "
    "from halves of the dances to infinitely many dances."
)
FAD_INTERVALS = (
    "Below each distance: its 95 % interval, computed by leaving out one dance at a time, or one of 40 blocks when "
    "there are more dances (jackknife). It shows what another sample of the same size would give, bias included. "
    "The pooled value has no interval."
)
MARK = "†"
MARK_MEANS = (
    f"{MARK} Uninformative: on this metric the true music, by itself or through VAE and vocoder, is not better than "
    "every control (shuffled, random, clicks, clicks120, delayed), judged by the 95 % interval of their paired "
    "difference. A good score on it does not show that the music fits the dance."
)
FAD_MARK_MEANS = (
    f"{MARK} Uninformative: at least one control is no farther from the true music than the ceiling, judged by the "
    "95 % interval of their paired difference. A small distance does not show that the music fits the dance."
)
AS_CLOCK = "‡"
AS_CLOCK_MEANS = (
    f"{AS_CLOCK} The generated music is not above the row clock, judged by the 95 % interval of their paired "
    "difference: one tempo and one phase, found in the energies of the dance without learning, give as good a figure."
)
AS_SHUFFLED = "§"
AS_SHUFFLED_MEANS = (
    f"{AS_SHUFFLED} The generated music is not above the row shuffled, judged by the 95 % interval of their paired "
    "difference: it fits the dance that it was made for no better than others."
)
BY_STRENGTH = (
    "The dances in thirds by strength, how clearly they show the beat. Shuffled are pairs within a third. Below each "
    "value: its 95 % interval, from resampled dances, where there are enough of them."
)
OWN_MINUS_SHUFFLED = (
    "How much better the music scores with its own dance's true music than with that of unrelated dances, and the 95 % "
    "interval, from resampled dances. Above 0, the music was made for its dance."
)
NOT_TESTED = "This run did not test whether the metrics are informative: the test needs at least four dances."
