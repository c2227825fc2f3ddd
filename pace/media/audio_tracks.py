"""Which of a file's sound tracks to take: the one that players play. And how long it is, without decoding it."""

from collections import Counter
from fractions import Fraction

import av
from av.stream import Disposition

from pace.media import streams

# Tracks made for a few listeners. Where no single track is marked as the default one, others go first.
SPECIAL = (
    Disposition.comment | Disposition.visual_impaired | Disposition.hearing_impaired | Disposition.descriptions
    | Disposition.dependent
)  # fmt: skip
RATES = (1000, 1_536_000)  # Hz; a header with another sample rate is damaged, or of an empty track
TRIES = 100  # packets of a track that may fail to decode before it counts as undecodable


def audio_stream(container: av.container.InputContainer) -> av.AudioStream | None:
    """The sound track to take, ready to be decoded, or None if no track can be decoded.

    It is the track that is marked as the default one; where none or several are marked, the first of these that is no
    commentary and not made for the blind or the deaf; so do mpv and VLC. A track in which nothing decodes is passed
    over if another one has sound.
    """
    tracks = _ranked(container)
    if not tracks:
        return None
    chosen = tracks[0] if len(tracks) == 1 else container.streams.audio[_first_with_sound(container.name, tracks)]
    _forget_positions(chosen)
    return chosen


def audio_remarks(container: av.container.InputContainer) -> tuple[str, ...]:
    """Which of several sound tracks was taken, in words; nothing for a single one."""
    tracks, chosen = container.streams.audio, audio_stream(container)
    if chosen is None or len(tracks) < 2:
        return ()
    defaults = [track for track in tracks if track.disposition & Disposition.default]
    number = tracks.index(chosen) + 1
    if defaults == [chosen]:
        return (f"{len(tracks)} sound tracks, took the default one, number {number}",)
    why = "the default one has no sound" if len(defaults) == 1 else f"{len(defaults) or 'none'} are marked as default"
    return (f"{len(tracks)} sound tracks, took number {number} ({why})",)


def _ranked(container: av.container.InputContainer) -> list[av.AudioStream]:
    """The tracks of known codecs and possible sample rates, the one to take first."""
    tracks = [track for track in container.streams.audio if track.codec_context and RATES[0] <= track.rate <= RATES[1]]
    return sorted(
        tracks, key=lambda track: (not track.disposition & Disposition.default, bool(track.disposition & SPECIAL))
    )


def _first_with_sound(path: str, tracks: list[av.AudioStream]) -> int:
    """Position among the sound tracks of the first of `tracks` in which a packet decodes; of the first if none does.

    Reads a second copy of the file up to that packet. Only an empty track makes it read to the end.
    """
    heard: set[int] = set()
    tries: Counter[int] = Counter()
    wanted = [track.index for track in tracks]
    with streams.open_media(path) as container:
        positions = {track.index: i for i, track in enumerate(container.streams.audio)}
        for index in wanted:
            _forget_positions(container.streams.audio[positions[index]])
        packets = container.demux(*(container.streams.audio[positions[index]] for index in wanted))
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    break
                index = packet.stream.index
                if index in heard or tries[index] == TRIES:
                    continue
                tries[index] += 1
                if packet.decode():
                    heard.add(index)
            except av.error.FFmpegError:
                continue
            best = next((index for index in wanted if index in heard or tries[index] < TRIES), None)
            if best in heard:
                break
    return positions[next((index for index in wanted if index in heard), wanted[0])]


def _forget_positions(track: av.AudioStream) -> None:
    """Keep the number of a track's channels but not where their loudspeakers stand, which nothing here needs.

    PyAV 18 frees the list of positions of an uncommon order (centre, left, right ... in Apple's files) once for each
    frame, which ends the process.
    """
    context = track.codec_context
    if context.is_open:
        return
    channels = context.layout.nb_channels  # the last use of the list: reading the layout frees it
    if channels:
        context.layout = {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def packet_seconds(container: av.container.InputContainer, stream: av.AudioStream) -> float:
    """Length of a sound track by its packets, without decoding them; with the encoder's padding."""
    unit = stream.time_base or Fraction(0)
    packets = (packet for packet in container.demux(stream) if not packet.is_discard)
    return float(unit * sum(packet.duration or 0 for packet in packets))


def declared_seconds(container: av.container.InputContainer, stream: av.AudioStream) -> float | None:
    """Length of a sound track by the file's header; None where FFmpeg would estimate it from the bit rate."""
    name = container.format.name
    if not (name in ("flac", "asf", "mp3") or name.startswith(("mov,", "matroska,"))):
        return None
    if name == "mp3" and not stream.start_time:  # no LAME tag, which counts the samples
        return None
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.video:  # Matroska counts it from zero, also if the sound is later
        return (container.duration - max(0, container.start_time or 0)) / av.time_base
    return None
