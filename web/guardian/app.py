"""Makes the guardian site.

Owns what this site is made of: title, languages, proof of its forms, its few pages. Refuses cookies: whoever
holds the link may use it, on any phone, also one that refuses cookies. Fails at start with `SecretMissing`.
"""

from flask import Flask

from appliance import keystore
from appliance.config import Config, Zone
from appliance.registration.routine import SECRET
from web.common import create, page, public
from web.common.language import later
from web.guardian import confirmation, form, refusals, routine
from web.guardian.desk import KEY, Desk
from web.guardian.proof import LinkProof


def create_app(config: Config) -> Flask:
    """The WSGI application of the guardian zone. Raises `SecretMissing`."""
    app = create(
        Zone.GUARDIAN,
        config,
        "web.guardian",
        title=later("学校メールの登録"),
        languages=("ja", "en"),
        proof=LinkProof(),
        max_body_bytes=16 * 1024,
    )
    keyring = keystore.open_keyring(config, Zone.GUARDIAN)
    app.extensions[KEY] = Desk(
        keyring=keyring,
        routine_key=keyring.secret(SECRET),
        names_max=config.registration.names_max,
        token_hours=config.registration.token_hours,
        sender_address=config.mail.from_address,
    )
    app.register_blueprint(form.pages)
    app.register_blueprint(routine.pages)
    app.register_blueprint(confirmation.pages)
    refusals.install(app)

    @app.get("/")
    @public
    def home() -> tuple[str, int]:
        """Says what this is to someone who typed the address."""
        return page("guardian/home.html")

    return app
