"""Which dirty records are indexed now, and by which replica."""
