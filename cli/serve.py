"""`karamail serve`: one zone per process family.

Owns starting a zone with its own keys and nothing else. The mail daemon is one asyncio process per worker;
the sites run under gunicorn. Refuses to start two zones in one process. Fails at once, with exit code 78, on
bad configuration or missing secrets.
"""

import importlib
from typing import Any

import click
from gunicorn.app.base import BaseApplication
from gunicorn.http import wsgi

from appliance import db, log
from appliance.config import Config, Zone
from cli.context import Context, pass_context


@click.group()
def serve() -> None:
    """Run one zone in the foreground."""


@serve.command()
@click.option("--worker", default="1", show_default=True, help="Name of this worker; stable over restarts.")
@pass_context
def mail(context: Context, worker: str) -> None:
    """The mail daemon: empty mail in, everything out."""
    from smtp import daemon

    daemon.run(context.connect_patiently(Zone.MAIL), worker)


@serve.command("mail-workers")
@pass_context
def mail_workers(context: Context) -> None:
    """All mail workers of this node, as many as mail.workers says."""
    from cli import workers

    workers.run(context.config_path, context.config)


class _Site(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings, given in code: no file, no environment."""

    def __init__(self, config: Config, zone: Zone) -> None:
        self._config = config
        self._zone = zone
        super().__init__()

    def load_config(self) -> None:
        site = self._config.site(self._zone)
        settings: dict[str, Any] = {
            "bind": site.listen,
            "workers": site.workers,
            "threads": site.threads,
            "worker_class": "gthread",
            "proc_name": f"karamail-{self._zone}",
            "accesslog": None,  # the application logs endpoint and status, never a URL
            "errorlog": "-",
            "loglevel": "warning",
            "control_socket_disable": True,  # systemd and supervisor manage it: no second door
            "timeout": 60,
            "graceful_timeout": 10,
            "max_requests": 20_000,
            "max_requests_jitter": 2_000,
            "limit_request_line": 2048,
            "limit_request_fields": 60,
            "forwarded_allow_ips": "127.0.0.1,::1" if site.proxy_hops else "",
        }
        for key, value in settings.items():
            if key in self.cfg.settings:
                self.cfg.set(key, value)

    def load(self) -> Any:
        log.begin(self._zone)
        wsgi.SERVER = "web"  # what stands in `Server`; gunicorn has no setting for it
        return importlib.import_module(f"web.{self._zone}.app").create_app(self._config)


def _site(zone: Zone, text: str) -> None:
    @serve.command(zone.value, help=text)
    @pass_context
    def command(context: Context) -> None:
        config = context.connect_patiently(zone)
        db.vanish()  # the workers open connections of their own
        _Site(config, zone).run()


_site(Zone.GUARDIAN, "The form behind the link in the mail.")
_site(Zone.SENDER, "The send-only site.")
_site(Zone.ADMIN, "The administration site.")
