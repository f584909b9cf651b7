"""Six simulated carriers: real SMTP servers on loopback, each with its own address and habits.

Owns how docomo, au, SoftBank, Google, Yahoo! JAPAN and Apple answer, as far as the field notes and public
samples tell, and the mailboxes of the visitor's phones. Mail to the crowd is counted, not kept. Refuses to
know the appliance's database. `python -m demo.carriers` serves all six from one process.
"""
