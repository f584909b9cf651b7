"""`make bench`: the figures of the README, measured beside Postfix + OpenDKIM on the same machine.

Both sides get the same messages, the same eight receivers, the same disk and the same two questions: when
did the first message set out, and when had the receivers counted the last one. What is not fair to one side
is written down in the module that does it.
"""
