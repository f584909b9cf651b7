"""The guardians' phones: a web page on which a visitor of the town sends empty mail and reads what arrives.

Owns the pages under town.localhost, the phones' owners and how each phone writes. Refuses to look into the
appliance beyond what a handout tells (school and code): mail leaves and arrives by SMTP only.
"""
