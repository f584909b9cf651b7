"""送信専用サイト: write, send and watch; no personal data of registrants is in sight (R09, R10, R11).

Owns its home page. All else is `web.staff`. Its zone's keyring opens nothing. See `app.create_app`.
"""
