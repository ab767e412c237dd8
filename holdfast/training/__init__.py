"""Floor 3: labels, folds, backtest and tracking."""
