"""How often pages of datasets are shown, and requests for their files completed; no persons."""
