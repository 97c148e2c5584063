"""Faults of the kind that people really write. The simulator must catch each of them (``test_mutants``)."""
