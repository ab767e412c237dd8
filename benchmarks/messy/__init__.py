"""A small company's data as it lies on a shared drive: the vendors' own exports, or tables of a German ERP.

`write_messy` writes what Stripe, HubSpot and Zendesk hand out, events keyed by user, and a spreadsheet of lost
customers, all drawn from one simulated company; `truth` tells to which account every key of them belongs.
"""

from benchmarks.messy.company import ACCOUNTS, END, EXITS, MONTHS, Company, draw
from benchmarks.messy.export import truth, write_messy
from benchmarks.messy.tables import exported, write_exports

__all__ = ["ACCOUNTS", "END", "EXITS", "MONTHS", "Company", "draw", "exported", "truth", "write_exports", "write_messy"]
