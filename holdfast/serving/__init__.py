"""Floor 4: plan, bundle, scores, report and the command."""
