"""`make fuzz [MINUTES=10]`: hours of nonsense at the door of a real daemon; not part of `make test`."""
