"""Write-back of 3,000 accounts to five tools that are busy, fail and refuse, by a command that is killed three times.

``python -m benchmarks.writeback [ACCOUNTS]`` prints, for each tool, how many accounts hold exactly what was scored, and
how many records and requests that took; then the same for a run in which nothing has changed, and for one day more in
which one account in twenty has.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from holdfast.serving.scoring import Scores
from tests.faults.tools_server import Company, Server, next_day, serving
from tests.published import scores_of


def main(accounts: int, kills: Sequence[int] = (17, 60, 1500)) -> None:
    ids = [f"A{i:05d}" for i in range(accounts)]
    server = Server(unknown=ids[10:2010:1000], invalid=ids[500:2500:1000], troubles=True)
    with TemporaryDirectory() as folder, serving(server):
        company = Company(Path(folder), server)
        scores = company.serve(scores_of(accounts))
        for kill in kills:
            code, _ = company.write_back(kill)
            print(f"killed at request {kill}: exit status {code}, {server.writes.total()} records written so far")
        _show("first day, after the kills", company, scores, *company.write_back())
        _show("unchanged", company, scores, *company.write_back())
        later = company.serve(next_day(scores, 20))
        _show("one account in twenty changed", company, later, *company.write_back())
        print(f"troubles on the way: {dict(server.seen)}")


def _show(title: str, company: Company, scores: Scores, code: int, told: Any) -> None:
    server = company.server
    rows = pd.DataFrame(told).set_index("sink")[["confirmed", "sent", "failed", "left", "unchanged"]]
    rows["exact"] = pd.Series(company.exact(scores))
    rows["records"], rows["requests"] = pd.Series(server.writes), pd.Series(server.requests)
    print(f"\n{title}: exit code {code}\n{rows.fillna(0).astype(int).to_string()}")
    print(f"records {server.writes.total()}, requests {server.requests.total()}")
    server.writes.clear()
    server.requests.clear()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
