"""Planted leaks: does the proof catch them, and leave honest code alone? ``python -m benchmarks.leaks [--json]``.

Every leak of `benchmarks.leaking` must break a law; its honest counterpart and every indicator of the catalogue must
break none. Exit code 1 when one is missed or falsely accused.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.leaking import PAIRS
from holdfast.features import prove
from holdfast.features.catalog import catalog
from holdfast.features.proof import Counterexample, Proof
from holdfast.features.proof.proving import shared_retellings
from holdfast.progress import progress

_WIDE = 170  # characters of a record that are shown


@dataclass(frozen=True)
class Result:
    """What the proof said of the leaks, of their honest counterparts, and of the catalogue."""

    leaks: dict[str, Proof]
    honest: dict[str, Proof]
    shipped: Proof

    @property
    def caught(self) -> int:
        """How many leaks broke a law."""
        return sum(not proof.ok for proof in self.leaks.values())

    @property
    def accused(self) -> list[str]:
        """Whoever was accused without reason, by name."""
        columns = {column for one in self.shipped.broken for column in one.broken}
        return [*(name for name, proof in self.honest.items() if not proof.ok), *sorted(columns)]

    @property
    def summary(self) -> dict[str, int]:
        """The three counts."""
        return {"planted": len(self.leaks), "caught": self.caught, "false_alarms": len(self.accused)}


def run(seed: int = 0, rounds: int = 2, cutoffs: Sequence[str] | None = None, shipped: Proof | None = None) -> Result:
    """Put every leak, every honest counterpart and the catalogue, unless its proof is at hand, to the laws."""
    how = {"seed": seed, "rounds": rounds, "cutoffs": cutoffs}
    leaks, honest = {}, {}
    with shared_retellings():
        for pair in progress(PAIRS, "leaks", len(PAIRS)):
            leaks[pair.name] = prove(pair.leaking, reads=pair.reads, **how)
            honest[pair.name] = prove(pair.honest, reads=_reads(pair.honest, pair.reads), **how)
        return Result(leaks, honest, shipped or prove(catalog, **how))


def _reads(subject: object, usual: str) -> str:
    """Tell what a function takes from the name of its first argument."""
    if not inspect.isfunction(subject):
        return usual
    first = next(iter(inspect.signature(subject).parameters))
    return first if first in ("history", "frames") else usual


def table(result: Result) -> str:
    """Tabulate the leaks: the laws they break, and the smallest offending record."""
    lines = ["| leak | laws broken | smallest offending record |", "|---|---|---|"]
    for name, proof in result.leaks.items():
        laws = ", ".join(one.law.name for one in proof.broken) or "MISSED"
        shown = _shown(proof.broken[0].counterexample) if proof.broken else ""
        lines.append(f"| {name} | {laws} | {shown} |")
    return "\n".join(lines)


def _shown(found: Counterexample | None) -> str:
    """Show the first of the fewest records, or what was told otherwise where no record is to blame."""
    if found is None or not found.records:
        return found.how if found else ""
    told = str(found.records[0]).replace("|", "/").replace(" 00:00:00", "")
    more = f" and {len(found.records) - 1} more" if len(found.records) > 1 else ""
    return (told if len(told) <= _WIDE else told[:_WIDE] + " ...") + more


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description="Prove leaking and honest code.")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON")
    parser.add_argument("--seed", type=int, default=0, help="another company and other changes")
    asked = parser.parse_args()
    result = run(asked.seed)
    counts = result.summary
    if asked.json:
        print(json.dumps(counts))
    else:
        print(table(result))
        told = "{planted} planted, {caught} caught, {false_alarms} false alarms".format(**counts)
        print(f"\n{told} among {len(result.honest)} honest counterparts and {len(result.shipped.columns)} indicators")
        print("".join(f"accused: {name}\n" for name in result.accused), end="")
    sys.exit(int(counts["caught"] < counts["planted"] or counts["false_alarms"] > 0))


if __name__ == "__main__":
    main()
