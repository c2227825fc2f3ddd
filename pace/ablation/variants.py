"""The catalogue of ablations, presets/ablations.yaml: variants, groups of them, and the runs that a choice asks for."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from pace.setup.presets import hydra

KEYS = ("seed", "split", "target", "default", "groups", "variants")
GROUP_KEYS = ("about", "split", "seeds", "variants")
VARIANT_KEYS = ("about", "params", "paper")


@dataclasses.dataclass(frozen=True)
class Variant:
    """A changed setting of the pipeline.

    params: `section.key` -> value, where it differs from params.yaml. paper: its row in the paper's table, if any.
    """

    name: str
    about: str
    params: Mapping[str, object]
    paper: str | None


@dataclasses.dataclass(frozen=True)
class Group:
    """One table: variants on one split with some seeds, each compared with the first variant."""

    name: str
    about: str
    split: str
    seeds: tuple[int, ...]
    variants: tuple[str, ...]

    @property
    def reference(self) -> str:
        """The variant that the others are compared with."""
        return self.variants[0]


@dataclasses.dataclass(frozen=True)
class Run:
    """One experiment: a variant with a seed, scored on a split. overrides: `section.key` -> value."""

    variant: str
    seed: int
    split: str
    overrides: Mapping[str, object]

    @property
    def key(self) -> tuple[str, int, str]:
        """Variant, seed and split."""
        return self.variant, self.seed, self.split

    @property
    def label(self) -> str:
        """Variant, seed and split, for display."""
        return f"{self.variant} seed {self.seed} {self.split}"


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """The content of presets/ablations.yaml.

    seed, split: the parameters that get a run's seed and split. target: the last stage that it runs.
    default: the groups that run if the user names none.
    """

    seed: tuple[str, ...]
    split: str
    target: str
    default: tuple[str, ...]
    groups: Mapping[str, Group]
    variants: Mapping[str, Variant]

    def run(self, variant: str, seed: int, split: str) -> Run:
        """A variant with a seed on a split, with all parameters that it changes."""
        values = dict(self.variants[variant].params)
        values |= dict.fromkeys(self.seed, seed) | {self.split: split}
        return Run(variant, seed, split, values)

    def choose(
        self, names: Iterable[str] = (), seeds: tuple[int, ...] | None = None, split: str | None = None
    ) -> list[Group]:
        """The groups to run for names of groups and variants (none: the default groups).

        A variant runs with the reference of the first group that has it.
        seeds, split: instead of those of the groups. Raises ValueError for an unknown name.
        """
        wanted: dict[str, list[str]] = {}
        for name in tuple(names) or self.default:
            if name in self.groups:
                wanted[name] = list(self.groups[name].variants)
            elif name in self.variants:
                home = next(group for group in self.groups.values() if name in group.variants)
                wanted.setdefault(home.name, [home.reference]).append(name)
            else:
                names_known = f"groups: {', '.join(self.groups)}; variants: {', '.join(self.variants)}"
                raise ValueError(f"there is no variant or group {name!r}; {names_known}")
        return [
            dataclasses.replace(
                self.groups[name],
                variants=tuple(dict.fromkeys(variants)),
                seeds=seeds or self.groups[name].seeds,
                split=split or self.groups[name].split,
            )
            for name, variants in wanted.items()
        ]

    def runs(self, groups: Iterable[Group]) -> list[Run]:
        """The runs that the groups need, without repetition."""
        keys = dict.fromkeys(
            (variant, seed, group.split) for group in groups for seed in group.seeds for variant in group.variants
        )
        return [self.run(*key) for key in keys]

    def text(self) -> str:
        """All groups and variants, for `--list`."""
        lines = []
        for group in self.groups.values():
            seeds = ", ".join(map(str, group.seeds))
            lines.append(f"{group.name}: {group.about} (split {group.split}, seeds {seeds})")
            for name in group.variants:
                settings = ", ".join(f"{key}: {hydra(value)}" for key, value in self.variants[name].params.items())
                lines.append(f"  {name:<22} {self.variants[name].about} [{settings}]")
        return "\n".join(lines)


def parse(content: Mapping[str, Any], source: str) -> Catalogue:
    """Build the catalogue from the content of the file `source`. Raises ValueError naming the file and the entry."""
    _check_keys(content, KEYS, (), source)
    variants = {}
    for name, entry in content["variants"].items():
        _check_keys(entry, VARIANT_KEYS, ("paper",), f"{source}: variant `{name}`")
        params = {
            f"{section}.{key}": value for section, values in entry["params"].items() for key, value in values.items()
        }
        variants[name] = Variant(name, entry["about"], params, entry.get("paper"))
    groups = {}
    for name, entry in content["groups"].items():
        where = f"{source}: group `{name}`"
        _check_keys(entry, GROUP_KEYS, (), where)
        unknown = [variant for variant in entry["variants"] if variant not in variants]
        if unknown or not entry["variants"] or not entry["seeds"]:
            raise ValueError(f"{where}: needs seeds and known variants; unknown: {', '.join(unknown) or 'none'}")
        groups[name] = Group(
            name, entry["about"], entry["split"], tuple(entry["seeds"]), tuple(dict.fromkeys(entry["variants"]))
        )
    lost = [name for name in variants if not any(name in group.variants for group in groups.values())]
    both = [name for name in groups if name in variants]
    missing = [name for name in content["default"] if name not in groups]
    if lost or both or missing:
        raise ValueError(
            f"{source}: variants in no group: {lost}; groups named as variants: {both}; default: {missing}"
        )
    chosen = tuple(content["seed"]), content["split"], content["target"], tuple(content["default"])
    return Catalogue(*chosen, groups, variants)


def _check_keys(entry: Mapping[str, Any], allowed: tuple[str, ...], optional: tuple[str, ...], where: str) -> None:
    """Raise ValueError unless an entry has the allowed keys, where the optional ones may be missing."""
    wrong = [key for key in entry if key not in allowed]
    missing = [key for key in allowed if key not in entry and key not in optional]
    if wrong or missing:
        raise ValueError(f"{where}: unknown keys {wrong}, missing keys {missing}; known keys: {', '.join(allowed)}")
