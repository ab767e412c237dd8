"""How every test is run."""

import gc


def pytest_collection_finish() -> None:
    """Collect garbage more seldom: thousands of collected tests stand in memory, and each sweep looks at them all."""
    gc.set_threshold(100_000, 50, 100)
