"""The company that the command is tried on: simulated once, trained once, and given to each worker as its own copy."""

import pytest

from tests.acme import Company, scored, simulated
from tests.once import made_once


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Company:
    made = Company(made_once(tmp_path_factory, "acme", simulated))
    return made.copy(tmp_path_factory.mktemp("company") / "acme")


@pytest.fixture(scope="session")
def company(untrained: Company, tmp_path_factory: pytest.TempPathFactory) -> Company:
    made = Company(made_once(tmp_path_factory, "acme-scored", lambda folder: scored(untrained.copy(folder))))
    return made.copy(tmp_path_factory.mktemp("trained") / "acme")
