"""Sums over datasets: of the whole portal, an organ, a donor, a person, a proposal."""
