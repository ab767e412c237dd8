"""One flow of one task, deployed twice: scores every day, a challenger every month."""

import subprocess

from prefect import flow, serve, task
from prefect.states import Completed, Failed, State

PLAN = "/srv/holdfast/plan.toml"
NOTHING_TO_DO, NOT_PROMOTED = 10, 20
AGAIN = {50, 130, 143}  # another run is at work, or this one was interrupted


class TryAgain(Exception):
    """Whatever raises it is tried again."""


@task(retries=6, retry_delay_seconds=600)
def holdfast(command: str) -> int:
    """Run a command and give its exit code, unless it should be tried again."""
    code = subprocess.run(["holdfast", command, PLAN], check=False).returncode
    if code in AGAIN:
        raise TryAgain(f"holdfast {command} returned {code}")
    return code


@flow
def run(command: str) -> State:
    """End as what the exit code stands for."""
    code = holdfast(command)
    if code == NOTHING_TO_DO:
        return Completed(name="Skipped", message="nothing to do: same inputs")
    if code in {0, NOT_PROMOTED}:
        return Completed(message="not promoted" if code else "done")
    return Failed(message=f"holdfast {command} returned {code}")


if __name__ == "__main__":
    serve(
        run.to_deployment("score", cron="15 5 * * *", parameters={"command": "score"}),
        run.to_deployment("retrain", cron="30 2 1 * *", parameters={"command": "retrain"}),
    )
