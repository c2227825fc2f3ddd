"""The music of each dance style: bars of sixteen steps for drums, bass, chords and melody, and their instruments.

Notation of a bar:
- Drums, chords and melody: a digit is a stroke of that strength, '-' holds it, '.' is a rest.
- Bass: 'r' root, '5' fifth, '7' seventh, 'o' octave above, 'a' the semitone below the next root; '-' and '.' as above.

Several bars in a tuple are alternatives, of which each piece draws one. The beats (steps 0, 4, 8, 12) have the
broadband strokes and the accents. Strokes between them are softer or narrow in frequency, so that a listener, or a
tracker, recognises the beat.
"""

import dataclasses
from typing import NamedTuple

MINOR = (0, 2, 3, 5, 7, 8, 10)
DORIAN = (0, 2, 3, 5, 7, 9, 10)
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MIXOLYDIAN = (0, 2, 4, 5, 7, 9, 10)


class Drum(NamedTuple):
    """A drum of the General MIDI drum map.

    level: its peak at full strength, of that of a kick. entry: the slow intensity from which it joins in on the beats;
    between them it joins in later.
    """

    key: int
    level: float
    entry: float = 0.0


DRUMS: dict[str, Drum] = {
    "kick": Drum(36, 1.0),
    "kick_long": Drum(36, 1.0),
    "kick_soft": Drum(35, 0.7),
    "stomp": Drum(41, 1.0),
    "snare": Drum(38, 1.0),
    "snare_dry": Drum(40, 0.9),
    "snare_big": Drum(38, 1.1),
    "clap": Drum(39, 0.9),
    "snap": Drum(37, 0.7),
    "rim": Drum(37, 0.6, 0.35),
    "brush": Drum(38, 0.6),
    "swish": Drum(40, 0.5),
    "hat": Drum(42, 0.8),
    "hat_roll": Drum(42, 0.5),
    "hat_open": Drum(46, 0.25, 0.1),
    "hat_foot": Drum(44, 0.6),
    "ride": Drum(51, 0.6),
    "crash": Drum(49, 0.45, 0.3),
    "shaker": Drum(70, 0.6),
    "tambourine": Drum(54, 0.6, 0.3),
    "cowbell": Drum(56, 0.6, 0.3),
    "conga_low": Drum(64, 0.6, 0.35),
    "conga_high": Drum(63, 0.6, 0.35),
    "tom_low": Drum(45, 1.0),
    "tom_high": Drum(48, 1.0),
    "scratch": Drum(29, 0.5, 0.35),
}

# General MIDI programs.
PROGRAMS: dict[str, int] = {
    "piano": 0,
    "epiano": 4,
    "epiano_fm": 5,
    "clavinet": 7,
    "vibraphone": 11,
    "marimba": 12,
    "bells": 14,
    "organ": 16,
    "organ_percussive": 17,
    "organ_rock": 18,
    "guitar_nylon": 24,
    "guitar_jazz": 26,
    "guitar_clean": 27,
    "guitar_muted": 28,
    "guitar_overdrive": 29,
    "guitar_distortion": 30,
    "bass_upright": 32,
    "bass_finger": 33,
    "bass_picked": 34,
    "bass_fretless": 35,
    "bass_slap": 36,
    "bass_pop": 37,
    "bass_synth": 38,
    "bass_sub": 39,
    "tremolo": 44,
    "pizzicato": 45,
    "strings": 48,
    "orchestra_hit": 55,
    "trumpet": 56,
    "trumpet_muted": 59,
    "brass": 61,
    "brass_synth": 62,
    "brass_dark": 63,
    "saxophone": 65,
    "clarinet": 71,
    "flute": 73,
    "square": 80,
    "saw": 81,
    "poly_synth": 90,
    "kalimba": 108,
}


@dataclasses.dataclass(frozen=True)
class Groove:
    """One style's music.

    progressions: scale degrees, one chord per bar. kits: General MIDI drum kits. fill: the drums of a fill, one after
    the other; it divides a beat into `fill_steps`. pulse: the drum that strikes every sixteenth where the dance is at
    its strongest. levels: of drums, bass, chords and melody.
    """

    scales: tuple[tuple[int, ...], ...]
    progressions: tuple[tuple[int, ...], ...]
    kits: tuple[int, ...]
    drums: dict[str, tuple[str, ...]]
    fill: tuple[str, ...]
    pulse: str
    bass: tuple[str, ...]
    bass_programs: tuple[str, ...]
    chords: tuple[str, ...]
    chord_programs: tuple[str, ...]
    chord_notes: int
    melody: tuple[str, ...]
    melody_programs: tuple[str, ...]
    melody_octave: int
    levels: tuple[float, float, float, float]
    fill_steps: int = 4
    swing16: float = 0.0  # delay of every second sixteenth, in sixteenths
    swing8: float = 0.0  # delay of every second eighth, in eighths (1/3 = triplets)


STANDARD, ROOM, POWER, ELECTRONIC, TR_808, JAZZ, BRUSH = 0, 8, 16, 24, 25, 32, 40

GROOVES: dict[str, Groove] = {
    "break": Groove(
        scales=(DORIAN, MIXOLYDIAN),
        progressions=((0, 0, 3, 0), (0, 3, 0, 4), (0, 6, 3, 0)),
        kits=(ROOM, POWER),
        drums={
            "kick": ("9.5.....6.7.....", "9.......6..5....", "9..4....6.7....."),
            "snare": ("....9..2.2..9..2", "....9....2..9...", "....9..3....9..3"),
            "ride": ("6...5...6...5...", "6.3.5.3.6.3.5.3."),
            "hat": ("6.4.6.4.6.4.6.4.", "6343634363436343"),
            "tambourine": ("5...7...6...7...",),
            "conga_high": ("...3..3....3..3.", "..3..3....3..3.."),
            "scratch": ("..............4.", "......3.......4."),
        },
        fill=("conga_high", "tom_high", "tom_high", "tom_low"),
        pulse="hat",
        bass=("r..r..5.r...o.7.", "r.r...7.r..5..a.", "r...r.o.r.5...7."),
        bass_programs=("bass_finger", "bass_picked"),
        chords=("8-....3.........", "7...3...7...3...", "8-......6-......"),
        chord_programs=("brass", "organ_rock", "guitar_clean"),
        chord_notes=3,
        melody=("7-..5...6-..4...", "7..5..6.7-......"),
        melody_programs=("trumpet", "saxophone", "brass"),
        melody_octave=0,
        levels=(1.0, 0.66, 0.66, 0.55),
    ),
    "pop": Groove(
        scales=(MINOR, DORIAN),
        progressions=((0, 5, 6, 0), (0, 0, 5, 6), (0, 3, 6, 4)),
        kits=(TR_808,),
        drums={
            "kick": ("9.....5.8.......", "9..4....8.4.....", "9.......8..4...."),
            "snare_dry": ("....8.......8...",),
            "clap": ("....9.......9...",),
            "cowbell": ("6.......5.3.....", "6...4...6...4.3.", "...3..3....3..3."),
            "hat": ("7.5.7.5.7.5.7.5.", "7353735373537353"),
            "rim": ("5...4...6...4...",),
            "tom_high": ("..............3.", "................"),
        },
        fill=("clap", "tom_high", "tom_low"),
        pulse="hat",
        bass=("r-..r-..r-....o.", "r-....r.r-..o-..", "r.r.....r.r...7."),
        bass_programs=("bass_synth", "bass_sub"),
        chords=("8...............", "8.......7..4....", "7--.....7--....."),
        chord_programs=("poly_synth", "brass_synth"),
        chord_notes=3,
        melody=("7.4.6.4.7.4.6.4.", "7.5.4...6.5.4...", "7...5...6...5..."),
        melody_programs=("square", "saw"),
        melody_octave=1,
        levels=(1.0, 0.72, 0.62, 0.48),
    ),
    "lock": Groove(
        scales=(MIXOLYDIAN, DORIAN),
        progressions=((0, 0, 3, 3), (0, 3, 0, 4), (0, 0, 0, 3)),
        kits=(STANDARD,),
        drums={
            "kick": ("9.....4.7.4.....", "9.4.....7.......", "9.......7..4...."),
            "snare": ("....9..1.1..9...", "....9.......9..1"),
            "hat": ("7353735373537353", "7.4.7.4.7.4.7.4."),
            "hat_open": ("..............3.", "......3........."),
            "tambourine": ("7...7...7...7...",),
            "conga_low": ("..2...3...2...3.", "......3..3......"),
        },
        fill=("snare", "conga_high", "conga_low"),
        pulse="conga_high",
        bass=("r..o..r.r.5.o.7.", "r.o.r..7r.5...a.", "r..r..o.5.r...7."),
        bass_programs=("bass_slap", "bass_pop"),
        chords=("7.23722.7.237.2.", "6.3.7.3.6.3.7.3.", "6...7.3.6.3.7..."),
        chord_programs=("guitar_muted", "clavinet"),
        chord_notes=4,
        melody=("8-....5.7-......", "8.5.....7-..5...", "........7.5.6-.."),
        melody_programs=("brass", "organ_percussive"),
        melody_octave=0,
        levels=(1.0, 0.77, 0.7, 0.66),
    ),
    "middle_hip_hop": Groove(
        scales=(MINOR, DORIAN),
        progressions=((0, 3, 0, 4), (0, 5, 3, 4), (0, 0, 5, 6)),
        kits=(STANDARD, JAZZ),
        drums={
            "kick": ("9......46.5.....", "9.......7..5....", "9..5....7......."),
            "snare_big": ("....9.......9...",),
            "hat": ("7.5.7.5.7.5.7.5.", "7.537.5.7.537.5."),
            "rim": ("5...4...6...4...", "4.......5......."),
            "shaker": ("4343434343434343", "................"),
        },
        fill=("snare", "kick"),
        pulse="shaker",
        bass=("r--.....r-..5-..", "r--....r5--.....", "r-......o-..7-.."),
        bass_programs=("bass_upright", "bass_fretless"),
        chords=("7---....6---....", "8-----..........", "7-......6-....3."),
        chord_programs=("epiano", "guitar_jazz"),
        chord_notes=4,
        melody=("6...5.4.6-......", "........6.5.4-..", "6-..4...5-..4..."),
        melody_programs=("vibraphone", "flute", "trumpet_muted"),
        melody_octave=1,
        levels=(1.0, 0.77, 0.66, 0.44),
        swing16=0.28,
    ),
    "la_hip_hop": Groove(
        scales=(MINOR,),
        progressions=((0, 0, 5, 4), (0, 6, 5, 4), (0, 3, 0, 4)),
        kits=(TR_808,),
        drums={
            "kick_long": ("9.......8.4.....", "9..4....8.......", "9.....4.8......."),
            "clap": ("....9.......9...",),
            "snap": ("....6.......6...", "4...6...5...6..."),
            "hat": ("7353735373537353", "7.4.7.4.7.4.7.43"),
            "tambourine": ("5...5...5...5...", "6...4...6...4..."),
            "rim": ("5.......6.......",),
        },
        fill=("hat_roll",),
        fill_steps=6,
        pulse="shaker",
        bass=("r---....r-..o-..", "r-r-....5-..7-..", "r---..r-o-......"),
        bass_programs=("bass_sub", "bass_synth"),
        chords=("7---....6---....", "7...6...7...6...", "7------........."),
        chord_programs=("epiano_fm", "strings"),
        chord_notes=3,
        melody=("7---5---6-------", "7-----5-6---4---", "7---------5---4-"),
        melody_programs=("saw", "square"),
        melody_octave=2,
        levels=(1.0, 0.72, 0.57, 0.35),
    ),
    "house": Groove(
        scales=(MINOR, DORIAN),
        progressions=((0, 5, 6, 3), (0, 3, 5, 6), (0, 0, 3, 4)),
        kits=(ELECTRONIC,),
        drums={
            "kick": ("9...9...9...9...",),
            "clap": ("....7.......7...", "....7.......7..."),
            "hat_open": ("..6...6...6...6.", "..5...5...5...6."),
            "hat": ("4344434443444344", "5.3.5.3.5.3.5.3."),
            "shaker": ("3343334333433343", "................"),
            "conga_high": ("...3..3....3..3.", "......3..3....3."),
            "rim": ("................", "...2..2....2..2."),
        },
        fill=("snare", "hat_open"),
        pulse="shaker",
        bass=("r.....r.r.....o.", "r..r..r.r..r..o.", "r...r.o.r...r.7."),
        bass_programs=("bass_synth", "bass_sub"),
        chords=("7...4...7...4...", "7..4....7..4....", "8--...4.7--....."),
        chord_programs=("organ_percussive", "piano"),
        chord_notes=4,
        melody=("5-..4-..5-..4...", "6...........5-..", "6.4.5...6.4.5..."),
        melody_programs=("organ", "poly_synth", "strings"),
        melody_octave=1,
        levels=(1.0, 0.66, 0.62, 0.44),
    ),
    "waack": Groove(
        scales=(MINOR, MAJOR),
        progressions=((0, 5, 3, 4), (0, 3, 6, 4), (5, 3, 0, 4)),
        kits=(STANDARD, ROOM),
        drums={
            "kick": ("9...8...9...8...",),
            "snare": ("....8.......8...",),
            "tambourine": ("5...6...5...6...", "6...5...6...5..."),
            "hat_open": ("..5...5...5...5.",),
            "hat": ("63.363.363.363.3", "5.3.5.3.5.3.5.3."),
            "conga_high": ("..3..3....3..3..", "................"),
        },
        fill=("conga_high", "conga_high", "conga_low", "tom_low"),
        pulse="tambourine",
        bass=("r.o.r.o.r.o.r.o.", "r.o.r.o.5.o.r.7.", "r.o.r.oor.o.r.a."),
        bass_programs=("bass_finger", "bass_pop"),
        chords=("7--.4...6--.4...", "6-------6-------", "7...3...6...3..."),
        chord_programs=("strings", "guitar_clean"),
        chord_notes=4,
        melody=("7---5---6---5---", "7---6-5-7-------", "8-..6-..7-..5-.."),
        melody_programs=("strings", "trumpet", "flute"),
        melody_octave=1,
        levels=(0.95, 0.66, 0.62, 0.57),
    ),
    "krump": Groove(
        scales=(MINOR,),
        progressions=((0, 0, 5, 0), (0, 5, 0, 6), (0, 0, 0, 5)),
        kits=(POWER,),
        drums={
            "stomp": ("9...5...7...5...", "9...6...7...6.3."),
            "kick_long": ("9.....4.........", "9..4............", "9.........4....."),
            "snare_big": ("........9.......",),
            "clap": ("....6...9...6...", "........9......."),
            "hat": ("6444644464446464", "6.4.6.4.6.446.44"),
            "crash": ("4...............", "................"),
        },
        fill=("stomp", "tom_high", "stomp"),
        fill_steps=3,
        pulse="hat",
        bass=("r-----..r-......", "r---..r-....7-..", "r-----..o---...."),
        bass_programs=("bass_sub", "bass_synth"),
        chords=("9-......6-......", "9--...3-8-......", "9-..6...8-..6..."),
        chord_programs=("orchestra_hit", "brass_dark", "guitar_distortion"),
        chord_notes=3,
        melody=("7...5...6...5...", "........7-..6-..", "7...6...7...4..."),
        melody_programs=("tremolo", "bells"),
        melody_octave=0,
        levels=(1.0, 0.77, 0.79, 0.44),
    ),
    "street_jazz": Groove(
        scales=(MAJOR, MINOR, DORIAN),
        progressions=((0, 5, 3, 4), (3, 4, 2, 5), (0, 4, 5, 3)),
        kits=(STANDARD,),
        drums={
            "kick": ("9.....4.7.......", "9..4....7.4.....", "9.......7......."),
            "snap": ("5...9...5...9...",),
            "snare_dry": ("....7.......7...", "....6.......6..."),
            "hat": ("5.4.5.4.5.4.5.4.", "5343534353435343"),
            "shaker": ("5343534353435343", "................"),
            "rim": ("5.......5.......", "................"),
        },
        fill=("conga_high", "conga_high", "conga_low", "conga_low"),
        pulse="shaker",
        bass=("r--...r.5--.....", "r-....o-r-..7-..", "r--.r...5--...a."),
        bass_programs=("bass_fretless", "bass_finger"),
        chords=("8---....7---....", "7-..4...6-..4...", "8-------6---4---"),
        chord_programs=("epiano_fm", "piano"),
        chord_notes=4,
        melody=("6.4.5.4.6.4.5.4.", "7-..5-..6-..4-..", "7...5.4.6-......"),
        melody_programs=("guitar_nylon", "kalimba", "pizzicato"),
        melody_octave=1,
        levels=(0.95, 0.66, 0.75, 0.57),
        swing16=0.15,
    ),
    "ballet_jazz": Groove(
        scales=(MAJOR, DORIAN),
        progressions=((0, 5, 1, 4), (1, 4, 0, 5), (0, 3, 1, 4)),
        kits=(BRUSH,),
        drums={
            "brush": ("6...8...6...8...", "7...8...7...8..."),
            "ride": ("7...8..27...8..2", "7...7...7...7..."),
            "kick_soft": ("7...5...7...5...", "8.......7......."),
            "hat_foot": ("....7.......7...",),
        },
        fill=("brush", "ride"),
        fill_steps=3,
        pulse="ride",
        bass=("r...5...o...a...", "r...r...5...7...", "r...5...7...a..."),
        bass_programs=("bass_upright",),
        chords=("8---....6---....", "7-......7-..3-..", "8-..6-..7-..6-.."),
        chord_programs=("piano", "guitar_jazz"),
        chord_notes=4,
        melody=("7-..5.4.6-..5...", "7-..6-..5-......", "6-..5-..7-..4.3."),
        melody_programs=("piano", "clarinet", "vibraphone", "flute"),
        melody_octave=1,
        levels=(0.8, 0.6, 0.9, 0.75),
        swing8=1 / 3,
    ),
}
