"""How near the models come to what can be known at all: simulated companies with their oracles, and real tables."""
