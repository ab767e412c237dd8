"""Alerts: which accounts need a look now, told once per episode, and delivered to where people read."""
