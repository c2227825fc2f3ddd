"""The music of each dance style: bars of sixteen steps for drums, bass, chords and melody, and their timbres.

Notation of a bar:
- Drums, chords and melody: a digit is a stroke of that strength, '-' holds it, '.' is a rest.
- Bass: 'r' root, '5' fifth, '7' seventh, 'o' octave above, 'a' the semitone below the next root; '-' and '.' as above.

Several bars in a tuple are alternatives, of which each piece draws one. The beats (steps 0, 4, 8, 12) have the
broadband strokes and the accents. Strokes between them are softer or narrow in frequency, so that a listener, or a
tracker, recognises the beat.
"""

import dataclasses

MINOR = (0, 2, 3, 5, 7, 8, 10)
DORIAN = (0, 2, 3, 5, 7, 9, 10)
MAJOR = (0, 2, 4, 5, 7, 9, 11)
MIXOLYDIAN = (0, 2, 4, 5, 7, 9, 10)


@dataclasses.dataclass(frozen=True)
class Groove:
    """One style's music.

    progressions: scale degrees, one chord per bar. levels: of drums, bass, chords and melody.
    """

    scales: tuple[tuple[int, ...], ...]
    progressions: tuple[tuple[int, ...], ...]
    drums: dict[str, tuple[str, ...]]
    fills: tuple[dict[str, str], ...]
    bass: tuple[str, ...]
    bass_timbres: tuple[str, ...]
    chords: tuple[str, ...]
    chord_timbres: tuple[str, ...]
    chord_notes: int
    melody: tuple[str, ...]
    melody_timbres: tuple[str, ...]
    melody_octave: int
    levels: tuple[float, float, float, float]
    swing16: float = 0.0  # delay of every second sixteenth, in sixteenths
    swing8: float = 0.0  # delay of every second eighth, in eighths (1/3 = triplets)
    pump: float = 0.0  # how much the kick ducks chords and melody, 0 to 1
    room: float = 0.12  # level of the reverberation


SNARE_FILL = {"snare": "............5579", "tom_high": "........7.5....."}
TOM_FILL = {"tom_high": "........7.6.....", "tom_low": "............7.68"}

GROOVES: dict[str, Groove] = {
    "break": Groove(
        scales=(DORIAN, MIXOLYDIAN),
        progressions=((0, 0, 3, 0), (0, 3, 0, 4), (0, 6, 3, 0)),
        drums={
            "kick": ("9.5.....6.7.....", "9.......6..5....", "9..4....6.7....."),
            "snare": ("....9..2.2..9..2", "....9....2..9...", "....9..3....9..3"),
            "ride": ("6...5...6...5...", "6.3.5.3.6.3.5.3."),
            "hat": ("6.4.6.4.6.4.6.4.", "6343634363436343"),
            "tambourine": ("5...7...6...7...",),
            "conga_high": ("...3..3....3..3.", "..3..3....3..3.."),
            "scratch": ("..............4.", "......3.......4."),
        },
        fills=({"snare": "........5.559.57"}, TOM_FILL),
        bass=("r..r..5.r...o.7.", "r.r...7.r..5..a.", "r...r.o.r.5...7."),
        bass_timbres=("bass_finger", "bass_slap"),
        chords=("8-....3.........", "7...3...7...3...", "8-......6-......"),
        chord_timbres=("brass", "organ", "guitar"),
        chord_notes=3,
        melody=("7-..5...6-..4...", "7..5..6.7-......"),
        melody_timbres=("brass", "guitar", "organ"),
        melody_octave=0,
        levels=(1.0, 0.51, 0.3, 0.25),
    ),
    "pop": Groove(
        scales=(MINOR, DORIAN),
        progressions=((0, 5, 6, 0), (0, 0, 5, 6), (0, 3, 6, 4)),
        drums={
            "kick": ("9.....5.8.......", "9..4....8.4.....", "9.......8..4...."),
            "snare_dry": ("....8.......8...",),
            "clap": ("....9.......9...",),
            "cowbell": ("6.......5.3.....", "6...4...6...4.3.", "...3..3....3..3."),
            "hat": ("7.5.7.5.7.5.7.5.", "7353735373537353"),
            "rim": ("5...4...6...4...",),
            "tom_high": ("..............3.", "................"),
        },
        fills=({"tom_high": "........6.6.....", "tom_low": "............7.7.", "clap": "............9..."}, SNARE_FILL),
        bass=("r-..r-..r-....o.", "r-....r.r-..o-..", "r.r.....r.r...7."),
        bass_timbres=("bass_saw", "bass_sub"),
        chords=("8...............", "8.......7..4....", "7--.....7--....."),
        chord_timbres=("stab", "square", "pad"),
        chord_notes=3,
        melody=("7.4.6.4.7.4.6.4.", "7.5.4...6.5.4...", "7...5...6...5..."),
        melody_timbres=("square", "bell"),
        melody_octave=1,
        levels=(1.0, 0.55, 0.28, 0.22),
    ),
    "lock": Groove(
        scales=(MIXOLYDIAN, DORIAN),
        progressions=((0, 0, 3, 3), (0, 3, 0, 4), (0, 0, 0, 3)),
        drums={
            "kick": ("9.....4.7.4.....", "9.4.....7.......", "9.......7..4...."),
            "snare": ("....9..1.1..9...", "....9.......9..1"),
            "hat": ("7353735373537353", "7.4.7.4.7.4.7.4."),
            "hat_open": ("..............3.", "......3........."),
            "tambourine": ("7...7...7...7...",),
            "conga_low": ("..2...3...2...3.", "......3..3......"),
        },
        fills=({"snare": "..........4.9.56"}, TOM_FILL),
        bass=("r..o..r.r.5.o.7.", "r.o.r..7r.5...a.", "r..r..o.5.r...7."),
        bass_timbres=("bass_slap", "bass_finger"),
        chords=("7.23722.7.237.2.", "6.3.7.3.6.3.7.3.", "6...7.3.6.3.7..."),
        chord_timbres=("guitar",),
        chord_notes=4,
        melody=("8-....5.7-......", "8.5.....7-..5...", "........7.5.6-.."),
        melody_timbres=("brass", "organ"),
        melody_octave=0,
        levels=(1.0, 0.59, 0.32, 0.3),
    ),
    "middle_hip_hop": Groove(
        scales=(MINOR, DORIAN),
        progressions=((0, 3, 0, 4), (0, 5, 3, 4), (0, 0, 5, 6)),
        drums={
            "kick": ("9......46.5.....", "9.......7..5....", "9..5....7......."),
            "snare_big": ("....9.......9...",),
            "hat": ("7.5.7.5.7.5.7.5.", "7.537.5.7.537.5."),
            "rim": ("5...4...6...4...", "4.......5......."),
            "shaker": ("4343434343434343", "................"),
        },
        fills=({"kick": "9.......7.......", "snare_big": "....9.......9.46"}, SNARE_FILL),
        bass=("r--.....r-..5-..", "r--....r5--.....", "r-......o-..7-.."),
        bass_timbres=("bass_upright", "bass_sub", "bass_finger"),
        chords=("7---....6---....", "8-----..........", "7-......6-....3."),
        chord_timbres=("epiano", "piano"),
        chord_notes=4,
        melody=("6...5.4.6-......", "........6.5.4-..", "6-..4...5-..4..."),
        melody_timbres=("bell", "piano", "pluck"),
        melody_octave=1,
        levels=(1.0, 0.59, 0.3, 0.2),
        swing16=0.28,
    ),
    "la_hip_hop": Groove(
        scales=(MINOR,),
        progressions=((0, 0, 5, 4), (0, 6, 5, 4), (0, 3, 0, 4)),
        drums={
            "kick_long": ("9.......8.4.....", "9..4....8.......", "9.....4.8......."),
            "clap": ("....9.......9...",),
            "snap": ("....6.......6...", "4...6...5...6..."),
            "hat": ("6464646464646464", "6.5.6.5.6.5.6.53"),
            "tambourine": ("5...5...5...5...", "6...4...6...4..."),
            "rim": ("5.......6.......",),
        },
        fills=({"clap": "....9.......9.5.", "tom_low": "..............57"}, {"hat": "6464646466666688"}),
        bass=("r---....r-..o-..", "r-r-....5-..7-..", "r---..r-o-......"),
        bass_timbres=("bass_saw", "bass_sub"),
        chords=("7---....6---....", "7...6...7...6...", "7------........."),
        chord_timbres=("epiano", "strings", "stab"),
        chord_notes=3,
        melody=("7---5---6-------", "7-----5-6---4---", "7---------5---4-"),
        melody_timbres=("whistle",),
        melody_octave=2,
        levels=(1.0, 0.55, 0.26, 0.16),
    ),
    "house": Groove(
        scales=(MINOR, DORIAN),
        progressions=((0, 5, 6, 3), (0, 3, 5, 6), (0, 0, 3, 4)),
        drums={
            "kick": ("9...9...9...9...",),
            "clap": ("....7.......7...", "....7.......7..."),
            "hat_open": ("..6...6...6...6.", "..5...5...5...6."),
            "hat": ("4344434443444344", "5.3.5.3.5.3.5.3."),
            "shaker": ("3343334333433343", "................"),
            "conga_high": ("...3..3....3..3.", "......3..3....3."),
            "rim": ("................", "...2..2....2..2."),
        },
        fills=({"clap": "....7.......7.55", "hat_open": "..6...6...6.6.6."}, {"snare_dry": "............4567"}),
        bass=("r.....r.r.....o.", "r..r..r.r..r..o.", "r...r.o.r...r.7."),
        bass_timbres=("bass_saw", "bass_sub"),
        chords=("7...4...7...4...", "7..4....7..4....", "8--...4.7--....."),
        chord_timbres=("organ", "piano", "stab"),
        chord_notes=4,
        melody=("5-..4-..5-..4...", "6...........5-..", "6.4.5...6.4.5..."),
        melody_timbres=("pluck", "organ", "strings"),
        melody_octave=1,
        levels=(1.0, 0.51, 0.28, 0.2),
        pump=0.5,
    ),
    "waack": Groove(
        scales=(MINOR, MAJOR),
        progressions=((0, 5, 3, 4), (0, 3, 6, 4), (5, 3, 0, 4)),
        drums={
            "kick": ("9...8...9...8...",),
            "snare": ("....8.......8...",),
            "tambourine": ("5...6...5...6...", "6...5...6...5..."),
            "hat_open": ("..5...5...5...5.",),
            "hat": ("63.363.363.363.3", "5.3.5.3.5.3.5.3."),
            "conga_high": ("..3..3....3..3..", "................"),
        },
        fills=(SNARE_FILL, TOM_FILL),
        bass=("r.o.r.o.r.o.r.o.", "r.o.r.o.5.o.r.7.", "r.o.r.oor.o.r.a."),
        bass_timbres=("bass_finger", "bass_slap"),
        chords=("7--.4...6--.4...", "6-------6-------", "7...3...6...3..."),
        chord_timbres=("strings", "guitar", "piano"),
        chord_notes=4,
        melody=("7---5---6---5---", "7---6-5-7-------", "8-..6-..7-..5-.."),
        melody_timbres=("strings", "brass"),
        melody_octave=1,
        levels=(0.95, 0.51, 0.28, 0.26),
    ),
    "krump": Groove(
        scales=(MINOR,),
        progressions=((0, 0, 5, 0), (0, 5, 0, 6), (0, 0, 0, 5)),
        drums={
            "stomp": ("9...5...7...5...", "9...6...7...6.3."),
            "kick_long": ("9.....4.........", "9..4............", "9.........4....."),
            "snare_big": ("........9.......",),
            "clap": ("....6...9...6...", "........9......."),
            "hat": ("6444644464446464", "6.4.6.4.6.446.44"),
            "crash": ("4...............", "................"),
        },
        fills=({"stomp": "9...7...9...8.66"}, {"snare_big": "........9...7.57"}),
        bass=("r-----..r-......", "r---..r-....7-..", "r-----..o---...."),
        bass_timbres=("bass_sub", "bass_saw"),
        chords=("9-......6-......", "9--...3-8-......", "9-..6...8-..6..."),
        chord_timbres=("dark_brass", "strings"),
        chord_notes=3,
        melody=("7...5...6...5...", "........7-..6-..", "7...6...7...4..."),
        melody_timbres=("square", "dark_brass", "bell"),
        melody_octave=0,
        levels=(1.0, 0.59, 0.36, 0.2),
        room=0.2,
    ),
    "street_jazz": Groove(
        scales=(MAJOR, MINOR, DORIAN),
        progressions=((0, 5, 3, 4), (3, 4, 2, 5), (0, 4, 5, 3)),
        drums={
            "kick": ("9.....4.7.......", "9..4....7.4.....", "9.......7......."),
            "snap": ("5...9...5...9...",),
            "snare_dry": ("....7.......7...", "....6.......6..."),
            "hat": ("5.4.5.4.5.4.5.4.", "5343534353435343"),
            "shaker": ("5343534353435343", "................"),
            "rim": ("5.......5.......", "................"),
        },
        fills=({"snare_dry": "............7.46"}, TOM_FILL),
        bass=("r--...r.5--.....", "r-....o-r-..7-..", "r--.r...5--...a."),
        bass_timbres=("bass_sub", "bass_finger"),
        chords=("8---....7---....", "7-..4...6-..4...", "8-------6---4---"),
        chord_timbres=("epiano", "piano"),
        chord_notes=4,
        melody=("6.4.5.4.6.4.5.4.", "7-..5-..6-..4-..", "7...5.4.6-......"),
        melody_timbres=("pluck", "bell", "guitar"),
        melody_octave=1,
        levels=(0.95, 0.51, 0.34, 0.26),
        swing16=0.15,
        room=0.16,
    ),
    "ballet_jazz": Groove(
        scales=(MAJOR, DORIAN),
        progressions=((0, 5, 1, 4), (1, 4, 0, 5), (0, 3, 1, 4)),
        drums={
            "brush": ("6...8...6...8...", "7...8...7...8..."),
            "ride": ("7...8..27...8..2", "7...7...7...7..."),
            "kick_soft": ("7...5...7...5...", "8.......7......."),
            "hat_foot": ("....7.......7...",),
        },
        fills=({"brush": "6...8...6.4.8.5."}, {"tom_high": "............5...", "brush": "6...8...6...8.4."}),
        bass=("r...5...o...a...", "r...r...5...7...", "r...5...7...a..."),
        bass_timbres=("bass_upright",),
        chords=("8---....6---....", "7-......7-..3-..", "8-..6-..7-..6-.."),
        chord_timbres=("piano",),
        chord_notes=4,
        melody=("7-..5.4.6-..5...", "7-..6-..5-......", "6-..5-..7-..4.3."),
        melody_timbres=("piano", "strings", "bell"),
        melody_octave=1,
        levels=(0.7, 0.59, 0.5, 0.4),
        swing8=1 / 3,
        room=0.25,
    ),
}
