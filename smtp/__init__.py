"""The mail zone: one asyncio daemon, inbound SMTP and the outbound relay in the same process.

Owns SMTP in both directions. Refuses to know what a registration or a broadcast means: it imports
`appliance` and never `web`. Fails towards the peer with 4xx, so that nothing is lost by a fault of ours.
"""
