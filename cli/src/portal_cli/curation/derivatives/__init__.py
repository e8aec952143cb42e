"""Makes what a dataset lacks: pyramid, previews and thumbnails."""
