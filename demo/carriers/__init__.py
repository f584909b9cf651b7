"""Simulated carriers: real SMTP servers on loopback, each with its own habits (docs/simulator.md).

Owns how docomo, au, SoftBank, Google, Yahoo! JAPAN and Apple answer, as far as public samples tell; scenarios
that make them slow, strict or ill; counts that a test can assert; and, in a town, the mailboxes of visitors'
phones. Mail to the crowd is counted, not kept. Refuses to know the appliance's database. `python -m
demo.carriers` serves them all from one process, `demo.carriers.drill` starts that process from a test.
"""
