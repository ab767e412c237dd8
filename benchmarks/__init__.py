"""What is claimed about quality and speed, measured: run as ``python -m benchmarks.<name>``; see README.md here."""
