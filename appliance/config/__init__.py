"""The one configuration file, checked whole before anything starts.

Owns reading and judging `karamail.toml`. Refuses to hold secrets: those are files in `secrets_dir`, one
directory per zone, and on a node `$CREDENTIALS_DIRECTORY` of the running unit. Fails with `ConfigInvalid`
that names file, key and expectation, all faults at once.
"""

from appliance.config.describe import describe
from appliance.config.load import load
from appliance.config.record import Keeper
from appliance.config.schema import Config, SiteLimits, Zone

__all__ = ["Config", "Keeper", "SiteLimits", "Zone", "describe", "load"]
