"""How fast the time engine is, beside its peers: ``python -m benchmarks.speed S|M|L``; see ../README.md."""
