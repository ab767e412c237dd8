"""One browser for the pages of a file."""

from collections.abc import Iterator

import pytest

from tests.chromium import Browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    made = Browser(tmp_path_factory.mktemp("profile"))
    yield made
    made.process.terminate()
    made.process.wait(timeout=20)
