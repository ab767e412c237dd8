"""Write-back: scores into the fields of other tools, changed values only, with the state of every account kept."""
