"""Pulling from services that hold customer data, with dlt: an optional extra, and two worked examples.

Stripe and Zendesk are declared in `stripe` and `zendesk`; a third service is one more such module.
"""

from holdfast.features.pull.engine import Patience
from holdfast.features.pull.running import Pulled, pull

__all__ = ["Patience", "Pulled", "pull"]
