"""Tests. What they share is in `tests.support`; what a test may ask for by name is in `conftest.py`."""
