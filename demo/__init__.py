"""A town to try Karamail in: an invented ward, six simulated carriers, and the guardians' phones.

Owns everything around the appliance on one machine. Refuses short cuts: mail goes over SMTP, routes come
from DNS, guardians use the same pages as anybody; only seeding writes the database directly. Not installed
on nodes. Start it with `make run`, or `python -m demo.town`.
"""
