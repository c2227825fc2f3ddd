"""Drawing a graph without cycles as SVG: nodes in layers, arrows from upper layers to lower ones.

The method is that of Sugiyama et al. 1981:

1. Each node is one layer below the lowest node that points to it. Long arrows get a waypoint in each layer they pass.
2. Nodes are ordered within their layers by the mean place of their neighbours, then swapped while that saves crossings.
3. Nodes move sideways towards their neighbours.

Nothing is random: one graph gives one text.
"""

import dataclasses
import html
import itertools
from collections.abc import Iterable, Mapping

import networkx

Graph = Mapping[str, set[str]]  # node -> the nodes that its arrows point to; each of them is a key too

LINE_HEIGHT, PADDING, LAYER_GAP, NODE_GAP = 17, 9, 44, 18
BOLD_WIDTH, TEXT_WIDTH = 8.8, 6.3  # pixels of an average letter at 14 bold and at 11.5
WAYPOINT_WIDTH = 14
SWEEPS = 60
LEGEND_HEIGHT = 40
INK, SOFT, ARROW, PAGE = "#24292f", "#57606a", "#8c959f", "#ffffff"


@dataclasses.dataclass(frozen=True)
class Label:
    """What a node's box shows: a bold title, lines of small text, and the box's colour."""

    title: str
    lines: tuple[str, ...] = ()
    colour: str = "#f6f8fa"

    @property
    def width(self) -> float:
        """Width of the box in pixels, by average widths of letters."""
        lengths = [BOLD_WIDTH * len(self.title), *(TEXT_WIDTH * len(line) for line in self.lines)]
        return round(max(lengths) + 2 * PADDING)

    @property
    def height(self) -> float:
        """Height of the box in pixels."""
        return LINE_HEIGHT * (1 + len(self.lines)) + PADDING


def reduced(graph: Graph) -> dict[str, set[str]]:
    """The graph without the arrows that a longer path implies. Raises ValueError that names a node on a cycle."""
    directed = networkx.DiGraph(graph)
    if not networkx.is_directed_acyclic_graph(directed):
        node = networkx.find_cycle(directed)[0][0]
        raise ValueError(f"{node} is on a cycle: its arrows lead back to it")
    necessary = networkx.transitive_reduction(directed)
    return {node: set(necessary[node]) for node in graph}


def draw(graph: Graph, labels: Mapping[str, Label], legend: Mapping[str, str], title: str) -> str:
    """The graph as SVG. `legend`: meaning -> colour. `title`: what screen readers say."""
    layers, arrows, paths = _with_waypoints(graph)
    _uncross(layers, arrows)
    widths = {node: labels[node].width if node in labels else WAYPOINT_WIDTH for layer in layers for node in layer}
    centres = _centres(layers, arrows, widths)
    heights = [max((labels[node].height for node in layer if node in labels), default=0) for layer in layers]
    tops = [LEGEND_HEIGHT + sum(heights[:number]) + LAYER_GAP * number for number in range(len(layers))]
    spans = {  # of a box and of a waypoint's straight piece
        node: (top + (height - own) / 2, top + (height + own) / 2)
        for layer, top, height in zip(layers, tops, heights, strict=True)
        for node in layer
        for own in [labels[node].height if node in labels else height]
    }
    legend_width = sum(34 + TEXT_WIDTH * len(meaning) + 16 for meaning in legend)
    width = round(max(legend_width + 20, *(centres[node] + widths[node] / 2 + 12 for node in centres)))
    height = round(tops[-1] + heights[-1] + 14)
    body = [*_legend(legend)]
    for path in paths:
        body.append(_arrow(path, centres, spans))
    for node in sorted(labels):
        body += _box(labels[node], centres[node], spans[node][0])
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
            f"<title>{html.escape(title)}</title>",
            '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0.5 8 4 0 7.5z" fill="{ARROW}"/></marker>',
            f'<rect width="{width}" height="{height}" rx="10" fill="{PAGE}"/>',
            *body,
            "</svg>\n",
        ]
    )


def _with_waypoints(graph: Graph) -> tuple[list[list[str]], dict[str, list[str]], list[list[str]]]:
    """Layers of nodes and waypoints, arrows between neighbouring layers, and each arrow's way through them."""
    generations = networkx.topological_generations(networkx.DiGraph(graph))
    depth = {node: number for number, generation in enumerate(generations) for node in generation}
    pointed_at = {end for ends in graph.values() for end in ends}
    for node in sorted(graph, key=lambda node: -depth[node]):  # a source comes down to its nearest user
        if node not in pointed_at and graph[node]:
            depth[node] = min(depth[end] for end in graph[node]) - 1
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for node in sorted(graph):
        layers[depth[node]].append(node)
    arrows: dict[str, list[str]] = {node: [] for node in graph}
    paths = []
    for start in sorted(graph):
        for end in sorted(graph[start]):
            path = [start, *(f"{start}>{end}>{number}" for number in range(depth[start] + 1, depth[end])), end]
            for number, waypoint in enumerate(path[1:-1], depth[start] + 1):
                layers[number].append(waypoint)
                arrows[waypoint] = []
            for here, there in itertools.pairwise(path):
                arrows[here].append(there)
            paths.append(path)
    return layers, arrows, paths


def _neighbours(arrows: Mapping[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Node -> nodes above it, node -> nodes below it."""
    above: dict[str, list[str]] = {node: [] for node in arrows}
    for start, ends in arrows.items():
        for end in ends:
            above[end].append(start)
    return above, dict(arrows)


def _uncross(layers: list[list[str]], arrows: Mapping[str, list[str]]) -> None:
    """Order the nodes of each layer, in place: by the mean place of their neighbours, then by swaps."""
    above, below = _neighbours(arrows)
    place = {node: float(number) for layer in layers for number, node in enumerate(layer)}

    def mean_place(node: str, neighbours: Mapping[str, list[str]]) -> float:
        around = neighbours[node]
        return sum(place[other] for other in around) / len(around) if around else place[node]

    best, fewest = [list(layer) for layer in layers], _crossings(layers, below)
    for sweep in range(SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            neighbours = above if downwards else below
            layer.sort(key=lambda node: (mean_place(node, neighbours), place[node]))
            place.update((node, float(number)) for number, node in enumerate(layer))
        _swap(layers, above, below)
        place.update((node, float(number)) for layer in layers for number, node in enumerate(layer))
        if (count := _crossings(layers, below)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order


def _swap(layers: list[list[str]], above: Mapping[str, list[str]], below: Mapping[str, list[str]]) -> None:
    """Swap neighbours in a layer as long as that saves crossings."""
    place = {node: number for layer in layers for number, node in enumerate(layer)}
    saved = True
    while saved:
        saved = False
        for layer in layers:
            for number in range(len(layer) - 1):
                left, right = layer[number : number + 2]
                kept, swapped = 0, 0
                for neighbours in (above, below):
                    for one in neighbours[left]:
                        for other in neighbours[right]:
                            kept += place[one] > place[other]
                            swapped += place[one] < place[other]
                if swapped < kept:
                    layer[number : number + 2] = right, left
                    place[left], place[right] = number + 1, number
                    saved = True


def _crossings(layers: list[list[str]], below: Mapping[str, list[str]]) -> int:
    place = {node: number for layer in layers for number, node in enumerate(layer)}
    count = 0
    for layer in layers:
        ends = [(place[node], place[end]) for node in layer for end in below[node]]
        count += sum(a[0] < b[0] and a[1] > b[1] for a in ends for b in ends)
    return count


def _centres(layers: list[list[str]], arrows: Mapping[str, list[str]], widths: Mapping[str, float]) -> dict[str, float]:
    """Horizontal centres: each node moves to the mean of its neighbours as far as those of its layer let it."""
    above, below = _neighbours(arrows)
    centres: dict[str, float] = {}
    for layer in layers:
        at = 0.0
        for node in layer:
            centres[node] = at + widths[node] / 2
            at += widths[node] + NODE_GAP
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            preferred = {node: _preferred_position(node, above, below, centres) for node in layer}
            _place(layer, preferred, widths, centres)
    left = min(centres[node] - widths[node] / 2 for node in centres)
    return {node: round(centre - left + 12, 1) for node, centre in centres.items()}


def _preferred_position(
    node: str, above: Mapping[str, list[str]], below: Mapping[str, list[str]], centres: Mapping[str, float]
) -> float:
    around = [*above[node], *below[node]]
    return sum(centres[other] for other in around) / len(around) if around else centres[node]


def _place(
    layer: list[str], preferred: Mapping[str, float], widths: Mapping[str, float], centres: dict[str, float]
) -> None:
    """Move the nodes of a layer as near to their preferred positions as order and gaps allow.

    The method is pool adjacent violators.
    """
    offsets, at = [], 0.0
    for number, node in enumerate(layer):
        if number:
            at += (widths[layer[number - 1]] + widths[node]) / 2 + NODE_GAP
        offsets.append(at)
    blocks: list[tuple[float, int]] = []  # mean, size: nodes that touch move as one
    for node, offset in zip(layer, offsets, strict=True):
        mean, size = preferred[node] - offset, 1
        while blocks and blocks[-1][0] > mean:
            other_mean, other_size = blocks.pop()
            mean, size = (mean * size + other_mean * other_size) / (size + other_size), size + other_size
        blocks.append((mean, size))
    shifts = [mean for mean, size in blocks for _ in range(size)]
    for node, offset, shift in zip(layer, offsets, shifts, strict=True):
        centres[node] = shift + offset


def _arrow(path: list[str], centres: Mapping[str, float], spans: Mapping[str, tuple[float, float]]) -> str:
    """A curve from the first node's lower edge to the last one's upper edge, straight down through the waypoints."""
    x, y = centres[path[0]], spans[path[0]][1]
    commands = [f"M{x:.0f} {y:.0f}"]
    for node in path[1:]:
        end_x, (end_y, next_y) = centres[node], spans[node]
        bend = (end_y - y) / 2
        commands.append(f"C{x:.0f} {y + bend:.0f} {end_x:.0f} {end_y - bend:.0f} {end_x:.0f} {end_y:.0f}")
        if node != path[-1]:
            commands.append(f"V{next_y:.0f}")
        x, y = end_x, next_y
    return f'<path d="{" ".join(commands)}" fill="none" stroke="{ARROW}" stroke-width="1.4" marker-end="url(#head)"/>'


def _box(label: Label, x: float, top: float) -> list[str]:
    left = x - label.width / 2
    rows = [
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{label.width:.0f}" height="{label.height:.0f}" rx="6" '
        f'fill="{label.colour}" stroke="{ARROW}"/>',
        f'<text x="{x:.0f}" y="{top + 17:.0f}" font-size="14" font-weight="600" text-anchor="middle" '
        f'fill="{INK}">{html.escape(label.title)}</text>',
    ]
    rows += [
        f'<text x="{x:.0f}" y="{top + 17 + LINE_HEIGHT * number:.0f}" font-size="11.5" text-anchor="middle" '
        f'fill="{SOFT}">{html.escape(line)}</text>'
        for number, line in enumerate(label.lines, start=1)
    ]
    return rows


def _legend(legend: Mapping[str, str]) -> Iterable[str]:
    x = 14.0
    for meaning, colour in legend.items():
        yield f'<rect x="{x:.0f}" y="12" width="16" height="12" rx="3" fill="{colour}" stroke="{ARROW}"/>'
        yield f'<text x="{x + 22:.0f}" y="22" font-size="11.5" fill="{SOFT}">{html.escape(meaning)}</text>'
        x += 34 + TEXT_WIDTH * len(meaning) + 10
