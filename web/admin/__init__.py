"""管理者サイト: everything of the send-only site, and the registrants, classes and handout of a school (R11).

Owns the pages on which names and addresses are opened, for the people of that school, on school devices; each
opening is recorded in the same request (R27). Ward officers see counts and status of all schools, no names.
All that both staff sites share is `web.staff`. See `app.create_app`.
"""
