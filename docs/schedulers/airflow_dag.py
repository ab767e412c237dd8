"""Two DAGs of one task each: scores every day, a challenger every month.

The scheduler may start a run twice; holdfast holds a lock of its own, and the second one is tried again later.
"""

import subprocess
from datetime import datetime, timedelta

from airflow.sdk import dag, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

PLAN = "/srv/holdfast/plan.toml"
NOTHING_TO_DO, NOT_PROMOTED = 10, 20
AGAIN = {50, 130, 143}  # another run is at work, or this one was interrupted


@task(retries=6, retry_delay=timedelta(minutes=10))
def holdfast(command: str) -> int:
    """Run a command; what it returns is success, skipped, to be tried again, or failed for good."""
    code = subprocess.run(["holdfast", command, PLAN], check=False).returncode
    if code == NOTHING_TO_DO:
        raise AirflowSkipException("nothing to do: same inputs")
    if code in AGAIN:
        raise RuntimeError(f"holdfast {command} returned {code}; it is tried again")
    if code not in {0, NOT_PROMOTED}:
        raise AirflowFailException(f"holdfast {command} returned {code}; trying again would change nothing")
    return code


def daily_or_monthly(command: str, schedule: str) -> None:
    """Declare a DAG of one task."""

    @dag(f"holdfast_{command}", schedule=schedule, start_date=datetime(2026, 1, 1), catchup=False, max_active_runs=1)
    def declared() -> None:
        holdfast(command)

    declared()


daily_or_monthly("score", "15 5 * * *")
daily_or_monthly("retrain", "30 2 1 * *")
