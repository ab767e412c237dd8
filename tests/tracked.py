"""A company whose trainings are tracked, and a look at what MLflow holds of it."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from holdfast.serving.plan import read_plan
from holdfast.serving.promotion.promotions import Promotions
from holdfast.serving.tracking.address import server_of
from holdfast.serving.workspace import Workspace
from holdfast.training.tracking import Server
from holdfast.training.tracking.server import VERSION
from tests.leaving import company, days_before_the_end

WEEKS = 50  # too short for a backtest, so that a training takes half a second
EARLY = days_before_the_end(40, WEEKS)


def tracked_company(folder: Path, uri: str | None = None) -> Path:
    """Write a company whose plan is tracked; by default in its workspace."""
    plan = company(folder, weeks=WEEKS, more="[gate]\nmin_events = 10\n")
    track_in(plan, uri)
    return plan


def track_in(plan: Path, uri: str | None) -> None:
    """Let a plan name another place of MLflow."""
    text = plan.read_text(encoding="utf-8")
    before, _, after = text.partition("[tracking]")
    rest = after[after.index("[gate]") :]
    where = "" if uri is None else f'uri = "{uri}"\n'
    plan.write_text(f"{before}[tracking]\nenabled = true\n{where}{rest}", encoding="utf-8")


def server(plan: Path) -> Server:
    return server_of(read_plan(plan))


def place(plan: Path) -> Workspace:
    return Workspace(read_plan(plan).output.workspace)


def champion(plan: Path) -> str:
    return str(Promotions(place(plan)).champion)


def waiting(plan: Path) -> list[str]:
    return sorted(path.name for path in (place(plan).tracking / "spool").glob("*.json"))


def held(plan: Path) -> dict[str, Any]:
    """Tell what MLflow holds: the finished and other runs by version, the registered versions, and the aliases."""
    there = server(plan)
    runs = there._client.search_runs([there._experiment])
    by_number = {number: version for version, number in there.versions().items()}
    numbers = [one.tags.get(VERSION) for one in there._client.search_model_versions(f"name='{there.model}'")]
    return {
        "finished": sorted(one.info.run_name for one in runs if one.info.status == "FINISHED"),
        "unfinished": sorted(one.info.run_name for one in runs if one.info.status != "FINISHED"),
        "registered": sorted(numbers),
        "aliases": {alias: by_number[number] for alias, number in there.aliases().items()} if by_number else {},
    }


class Failing:
    """A server on the loopback that answers every request with an error, and counts them."""

    def __init__(self, status: int) -> None:
        asked = self.asked = []  # type: list[str]

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815 # as http.server calls them

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Failing:
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
