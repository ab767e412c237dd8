"""Two jobs of one op each: scores every day, a challenger every month."""

import subprocess
from collections.abc import Iterator

from dagster import (
    Definitions,
    Failure,
    JobDefinition,
    OpExecutionContext,
    Out,
    Output,
    RetryRequested,
    ScheduleDefinition,
    job,
    op,
)

PLAN = "/srv/holdfast/plan.toml"
NOTHING_TO_DO, NOT_PROMOTED = 10, 20
AGAIN = {50, 130, 143}  # another run is at work, or this one was interrupted


def job_of(command: str) -> JobDefinition:
    """Declare a job; where there was nothing to do it gives no output, and what hangs on it is skipped."""

    @op(name=f"holdfast_{command}", out=Out(int, is_required=False))
    def run(context: OpExecutionContext) -> Iterator[Output[int]]:
        code = subprocess.run(["holdfast", command, PLAN], check=False).returncode
        if code == NOTHING_TO_DO:
            context.log.info("nothing to do: same inputs")
        elif code in AGAIN:
            raise RetryRequested(max_retries=6, seconds_to_wait=600)
        elif code in {0, NOT_PROMOTED}:
            yield Output(code)
        else:
            raise Failure(f"holdfast {command} returned {code}", allow_retries=False)

    @job(name=f"holdfast_{command}_job")
    def declared() -> None:
        run()

    return declared


score, retrain = job_of("score"), job_of("retrain")
definitions = Definitions(
    jobs=[score, retrain],
    schedules=[
        ScheduleDefinition(job=score, cron_schedule="15 5 * * *", execution_timezone="UTC"),
        ScheduleDefinition(job=retrain, cron_schedule="30 2 1 * *", execution_timezone="UTC"),
    ],
)
