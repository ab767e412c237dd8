"""The engines by name: what runs them, at which sizes, and whether their result is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class Engine:
    """One way to compute the aggregates.

    Attributes
    ----------
    module
        In ``benchmarks.speed.engines``: ``run(folder)`` is measured, ``write(result, out)`` is not.
    sizes
        Where it is run.
    packages
        What an environment of its own needs; none where the project's own serves.
    part
        The folder of the set that it is given, when not the whole set.
    compared
        The engine whose result it must equal; none where it has no comparable result.
    once_from
        From this size on it is run once, however often the others are.
    """

    name: str
    module: str
    title: str
    sizes: str
    packages: tuple[str, ...] = ()
    part: str = ""
    compared: str | None = "holdfast"
    once_from: str = ""

    @property
    def exists(self) -> bool:
        """Whether its module is there."""
        return find_spec(f"benchmarks.speed.engines.{self.module}") is not None

    def runs_at(self, size: str) -> bool:
        """Whether it is run at a size; the small set of the tests counts as S."""
        return ("S" if size == "tiny" else size) in self.sizes

    def repeats(self, size: str, repeat: int) -> int:
        """How often it is run."""
        order = ("tiny", "S", "M", "L")
        return 1 if self.once_from and order.index(size) >= order.index(self.once_from) else repeat


_FEATURETOOLS = ("featuretools", "pandas<3", "pyarrow", "setuptools<81")  # it imports pkg_resources

ENGINES: Mapping[str, Engine] = {
    one.name: one
    for one in (
        Engine("holdfast", "holdfast", "holdfast", "SML", compared=None),
        Engine("scan", "scan", "DuckDB scan alone", "SML", compared=None),
        Engine("duckdb", "duckdb_sql", "DuckDB SQL", "SML", once_from="L"),
        Engine("polars", "polars_lazy", "Polars", "SM", ("polars",)),
        Engine("pandas", "pandas_loop", "pandas, the first loop", "SM", once_from="S"),
        Engine("daily", "daily", "holdfast, one more day", "SML", compared=None),
        Engine("shared", "shared_few", "holdfast, same as Featuretools", "S", part="prompt", compared=None),
        Engine("shared_all", "shared_all", "holdfast, same, all cutoffs", "S", part="prompt", compared=None),
        Engine("featuretools", "featuretools_dfs", "Featuretools", "S", _FEATURETOOLS, "prompt", "shared", "S"),
    )
}
