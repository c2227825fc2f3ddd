"""Drawing layered graphs: reduction, crossings, and boxes that do not touch."""

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from pace.pictures import layered_graph
from pace.pictures.layered_graph import Label, draw, reduced

DIAMOND = {"a": {"b", "c", "d"}, "b": {"d"}, "c": {"d"}, "d": set()}


def boxes(svg: str) -> dict[str, tuple[float, float, float, float]]:
    """Title -> left, top, right and bottom of its box."""
    found = re.findall(
        r'<rect x="(-?\d+)" y="(\d+)" width="(\d+)" height="(\d+)" rx="6".*\n<text[^>]*font-weight="600"[^>]*>(\w+)<',
        svg,
    )
    return {title: (int(x), int(y), int(x) + int(w), int(y) + int(h)) for x, y, w, h, title in found}


def crossings(graph: dict[str, set[str]]) -> int:
    layers, arrows, _ = layered_graph._with_waypoints(graph)
    layered_graph._uncross(layers, arrows)
    return layered_graph._crossings(layers, arrows)


def test_an_arrow_that_a_longer_path_implies_is_left_out():
    assert reduced(DIAMOND) == {"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set()}


def test_a_cycle_is_named():
    with pytest.raises(ValueError, match=r"^b is on a cycle"):
        reduced({"a": {"b"}, "b": {"c"}, "c": {"b"}})


def test_a_tree_and_a_ladder_are_drawn_without_crossings():
    tree = {"r": {"y", "x"}, "x": {"1", "2"}, "y": {"3", "4"}} | {leaf: set() for leaf in "1234"}
    ladder = {"a": {"z"}, "b": {"y"}, "c": {"x"}, "x": set(), "y": set(), "z": set()}
    assert crossings(tree) == crossings(ladder) == 0


def test_the_complete_graph_of_three_and_three_has_its_nine_crossings():
    assert crossings({top: set("xyz") for top in "abc"} | {bottom: set() for bottom in "xyz"}) == 9


def test_boxes_do_not_touch_and_arrows_lead_downwards():
    graph = {f"n{i}": {f"n{j}" for j in range(i + 1, 14) if (i * j) % 5 == 1} for i in range(14)}
    labels = {node: Label(node, ("a line of text",) * (int(node[1:]) % 3)) for node in graph}
    placed = boxes(draw(graph, labels, {"kind": "#ffffff"}, "title"))
    assert placed.keys() == graph.keys()
    for one, other in itertools.combinations(placed.values(), 2):
        beside = one[2] < other[0] or other[2] < one[0]
        above = one[3] < other[1] or other[3] < one[1]
        assert beside or above
    for start, ends in graph.items():
        assert all(placed[start][3] < placed[end][1] for end in ends)


def test_the_picture_is_sound_xml_that_holds_all_boxes_and_escapes_text():
    svg = draw({"a": {"b"}, "b": set()}, {"a": Label("x & y"), "b": Label("<b>")}, {"p < q": "#123456"}, "A & B")
    root = ET.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for box in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(box.get("x", 0)) + float(box.attrib["width"]) <= width
        assert float(box.get("y", 0)) + float(box.attrib["height"]) <= height
    assert {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")} == {"x & y", "<b>", "p < q"}


def test_order_of_the_input_does_not_matter():
    labels = {node: Label(node) for node in DIAMOND}
    turned = dict(reversed(DIAMOND.items()))
    assert draw(DIAMOND, labels, {}, "t") == draw(turned, dict(reversed(labels.items())), {}, "t")
