"""The text of a booster, looked through before LightGBM parses it.

Its parser takes sizes and indices on trust: a text that is cut short ends the process, one with a wrong index reads
what is not there. So every tree has to stand where the head says, to be one tree, and to hold finite numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import isfinite

_HEAD = ("version", "num_class", "num_tree_per_iteration", "label_index", "max_feature_idx", "tree_sizes")
_BY_FEATURE = ("feature_names", "monotone_constraints", "feature_infos")
_SPLITS = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_NODES = ("internal_value", "internal_weight", "internal_count")
_LEAVES = ("leaf_value", "leaf_weight", "leaf_count")
_ALONE = ("num_leaves", "num_cat", "is_linear", "shrinkage")
_DECISIONS = frozenset({"0", "2", "4", "6", "8", "10"})  # by size: where missing values go, and what counts as missing
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?(e[-+]?[0-9]{1,3})?", re.ASCII)
_LINE = re.compile(r"(\w+)=(.*)", re.ASCII)
_TAIL = re.compile(  # what is told of features and parameters, one a line, and nothing behind it
    r"end of trees\n\nfeature_importances:\n(?:\w+=[0-9]+\n)*\nparameters:\n(?:\[\w+: [^\n]{0,100000}\]\n)*\n"
    r"end of parameters\n\npandas_categorical:(?:null|\[\])\n?",
    re.ASCII,
)
MOST_LEAVES = 4096


def check_trees(text: str) -> None:
    """Refuse a text that is not, line by line, a booster as LightGBM writes ours.

    Raises
    ------
    ValueError
        When a part is absent or has another size, an index leads elsewhere, or a number is none.

    Examples
    --------
    >>> check_trees("tree")
    Traceback (most recent call last):
    ValueError: no head before the first tree
    """
    head, found, trees = text.partition("\n\nTree=0\n")
    if not found:
        raise ValueError("no head before the first tree")
    title, *lines = head.split("\n")
    facts = _facts(lines)
    _expect(title == "tree" and facts.keys() == {*_HEAD, *_BY_FEATURE}, "another head")
    _expect([facts["version"], facts["num_class"], facts["num_tree_per_iteration"]] == ["v4", "1", "1"], "another kind")
    features = _whole(facts["max_feature_idx"]) + 1
    for name in _BY_FEATURE:
        _expect(len(facts[name].split(" ")) == features, f"{name}: another number of features")
    body = "Tree=0\n" + trees
    sizes = [_whole(one) for one in facts["tree_sizes"].split(" ")]
    for place, tree in enumerate(_cut(body, sizes)):
        _check_tree(tree, place, features)
    _expect(_TAIL.fullmatch(body[sum(sizes) :]) is not None, "another end behind the trees")


def _cut(body: str, sizes: list[int]) -> Iterator[str]:
    """Cut the trees out, as long as each is said to be; sizes count bytes, and all of it is ASCII."""
    _expect(body.isascii(), "letters that are not ASCII")
    ends = [0]
    for size in sizes:
        _expect(0 < size <= len(body) - ends[-1], "a tree that is longer than the text")
        ends.append(ends[-1] + size)
    return (body[start:end] for start, end in pairwise(ends))


def _check_tree(tree: str, place: int, features: int) -> None:
    title, *lines = tree.rstrip("\n").split("\n")
    facts = _facts(lines)
    _expect(title == f"Tree={place}" and tree.endswith("\n"), f"another tree where {place} should be")
    _expect(facts.keys() == {*_SPLITS, *_NODES, *_LEAVES, *_ALONE}, f"tree {place}: other lines")
    _expect([facts["num_cat"], facts["is_linear"]] == ["0", "0"], f"tree {place}: another kind")
    leaves = _whole(facts["num_leaves"])
    _expect(1 <= leaves <= MOST_LEAVES, f"tree {place}: {leaves} leaves")
    splits = {name: _values(facts[name], leaves - 1, name) for name in (*_SPLITS, *_NODES)}
    told = {name: _values(facts[name], leaves, name) for name in _LEAVES if leaves > 1 or name == "leaf_value"}
    _expect(all(0 <= _whole(one) < features for one in splits["split_feature"]), f"tree {place}: no such feature")
    _expect(_DECISIONS.issuperset(splits["decision_type"]), f"tree {place}: another kind of split")
    bounds = (one for one in splits["threshold"] if one not in {"inf", "-inf"})  # missing or not is a split, too
    numbers = (*bounds, *splits["split_gain"], *told["leaf_value"], facts["shrinkage"])
    _expect(all(_finite(one) for one in numbers), f"tree {place}: no finite number")
    _check_shape(splits, leaves, place)


def _check_shape(splits: Mapping[str, list[str]], leaves: int, place: int) -> None:
    """See that every node and leaf hangs on one split, which comes before it: then it is one tree without a circle."""
    children = [
        (parent, _whole(splits[side][parent])) for parent in range(leaves - 1) for side in ("left_child", "right_child")
    ]
    below = sorted(child for _, child in children)
    _expect(leaves == 1 or below == [*range(-leaves, 0), *range(1, leaves - 1)], f"tree {place}: no tree")
    _expect(all(child < 0 or child > parent for parent, child in children), f"tree {place}: a circle")


def _facts(lines: list[str]) -> dict[str, str]:
    found = [_LINE.fullmatch(line) for line in lines]
    facts = {one[1]: one[2] for one in found if one is not None}
    _expect(len(facts) == len(lines), "a line that says nothing, or twice the same")
    return facts


def _values(told: str, count: int, name: str) -> list[str]:
    values = told.split(" ") if told else []
    _expect(len(values) == count, f"{name}: {len(values)} values where {count} belong")
    return values


def _whole(told: str) -> int:
    _expect(_WHOLE.fullmatch(told) is not None, "no whole number")
    return int(told)


def _finite(told: str) -> bool:
    return _NUMBER.fullmatch(told) is not None and isfinite(float(told))


def _expect(holds: bool, found: str) -> None:
    if not holds:
        raise ValueError(found)
