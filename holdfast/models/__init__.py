"""Floor 2: health score, churn probabilities, bands and drivers."""
