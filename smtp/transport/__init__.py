"""How safe the way to a receiver is: DANE, MTA-STS, opportunistic TLS, and the reports about them.

Owns what is demanded of a session before mail goes over it, and the counting of how sessions fared. Refuses
to know letters and queues. Fails by saying no to a host: what was to go there waits, it never bounces.
"""
